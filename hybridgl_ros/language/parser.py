"""Parse an expression under a rule set (§3.3, after ReCLIP)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hybridgl_ros.errors import ExpressionError
from hybridgl_ros.language.rules import Rules
from hybridgl_ros.language.text import strip_wrapping
from hybridgl_ros.types import Parse

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Span, Token

REMEMBERED = 1024


class ExpressionParser:
    """Turns text into a `Parse`; the pipeline supplies tokens, heads and noun chunks, the rules all the rest."""

    def __init__(self, pipeline: Language, rules: Rules) -> None:
        self.pipeline = pipeline
        self._rules = rules
        # The same expression comes again with every frame.
        self._known: dict[str, Parse] = {}

    def parse(self, text: str) -> Parse:
        """Read one expression. Raises ExpressionError when it is empty or blank."""
        return self.parse_all([text])[0]

    def parse_all(self, texts: Sequence[str]) -> list[Parse]:
        """Read several expressions, the pipeline all at once. Raises as `parse`."""
        if not all(text.strip() for text in texts):
            raise ExpressionError("the expression is empty")
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        sentences = [self._sentence(text) for text in missing]
        docs = self.pipeline.pipe(sentences) if len(missing) > 1 else map(self.pipeline, sentences)
        new = {text: self._parse(text, sentence, doc) for text, sentence, doc in zip(missing, sentences, docs)}
        known = self._known | new
        self._known = known if len(known) <= REMEMBERED else new
        return [known[text] for text in texts]

    def _sentence(self, text: str) -> str:
        rules = self._rules
        content = strip_wrapping(text) if rules.unwrap else text
        ignored = str.isspace if rules.collapse_whitespace else " ".__eq__
        return " ".join(token.text for token in self.pipeline.make_doc(content.lower()) if not ignored(token.text))

    def _parse(self, text: str, sentence: str, doc: Doc) -> Parse:
        rules = self._rules
        phrase, head = self._target(doc)
        target = trim(phrase, rules.trim)
        others = [
            chunk for chunk in doc.noun_chunks if chunk.text != phrase and chunk.root.text not in rules.not_objects
        ]
        nouns = [chunk.root.text for chunk in others]
        relation = "none" if rules.relation_blockers.intersection(nouns) else nearest_class(doc, rules.relations)
        position = nearest_class(doc, rules.positions)
        if others and relation != "none" and rules.position_beside_others == "drop":
            position = "none"
        size = relation if rules.size_from_relation else nearest_class(doc, rules.sizes)
        return Parse(
            text=text,
            sentence=sentence,
            target=target,
            head=head if head in target else target.split()[-1],
            others=tuple(chunk.text for chunk in others),
            other_nouns=tuple(nouns),
            position=position,
            relation=relation,
            size=size if size in ("big", "small") else "none",
        )

    def _target(self, doc: Doc) -> tuple[str, str]:
        """Noun phrase of the referent and its head word; the whole text when there is none."""
        chunks = list(doc.noun_chunks)
        roots = [token for token in doc if token.head.i == token.i]
        root = roots[0] if self._rules.root == "first" else roots[-1]
        if self._rules.root_outside_phrase == "first_child":
            stand_in = next(iter(root.children), root)
        else:
            stand_in = first_object(chunks, self._rules.not_objects) or root
        for token in (root, stand_in):
            chunk = chunk_around(token, chunks)
            if chunk is not None:
                return chunk.text, token.text
        return doc.text, doc.text


def chunk_around(token: Token, chunks: Iterable[Span]) -> Span | None:
    """The noun chunk that holds a token (the last one, should several do)."""
    around = [chunk for chunk in chunks if chunk.start <= token.i < chunk.end]
    return around[-1] if around else None


def first_object(chunks: Iterable[Span], not_objects: frozenset[str]) -> Token | None:
    """Root of the first noun chunk that names an object rather than a place."""
    return next((chunk.root for chunk in chunks if chunk.root.text not in not_objects), None)


def nearest_class(doc: Doc, classes: Mapping[str, str]) -> str:
    """Class of the listed word whose head stands earliest in the sentence, the first such word on a tie."""
    known = [token for token in doc if token.text in classes]
    return classes[min(known, key=lambda token: token.head.i).text] if known else "none"


def trim(phrase: str, words: frozenset[str]) -> str:
    """The phrase without listed words at its end ("the cube right" of the ball), unless nothing would be left."""
    tokens = phrase.split()
    kept = len(tokens)
    while kept > 1 and tokens[kept - 1] in words:
        kept -= 1
    return phrase if kept == len(tokens) else " ".join(tokens[:kept])
