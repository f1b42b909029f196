"""From words to items: every word or group of words with the role it plays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hybridgl_ros.language.nouns import singular
from hybridgl_ros.language.patterns import PatternTable
from hybridgl_ros.language.vocabulary import Row, Vocabulary

if TYPE_CHECKING:
    from spacy.language import Language

CONTENT = ("noun", "adjective")
"""Kinds of item that may be part of a phrase."""


@dataclass(frozen=True)
class Item:
    """kind: its role. value: what it stands for, a noun's lemma. words: as said. start: index of its first word."""

    kind: str
    value: Any
    words: tuple[str, ...]
    start: int
    plural: bool = False
    known: bool = True

    @property
    def text(self) -> str:
        return " ".join(self.words)


class Lexer:
    """Finds the longest pattern at every word; single words get their kind from the lexicon or their part of speech."""

    def __init__(self, pipeline: Language, vocabulary: Vocabulary) -> None:
        self._pipeline = pipeline
        self._vocabulary = vocabulary
        self._values: dict[str, Any] = {}
        self._opening = self._table(vocabulary.opening)
        self._body = self._table(vocabulary.body)
        self._tags = lru_cache(maxsize=256)(self._tag)

    def _table(self, rows: tuple[Row, ...]) -> PatternTable:
        named = []
        for kind, value, slots in rows:
            name = f"{kind}:{value}"
            self._values[name] = (kind, value)
            named.append((name, slots))
        return PatternTable(named)

    def openings(self, words: tuple[str, ...]) -> dict[int, tuple[int, str, Any]]:
        """At every word: end, kind and value of the longest command, question or politeness that starts there."""
        found = self._opening.longest(words)
        return {start: (end, *self._values[name]) for start, (end, name) in found.items()}

    def items(self, words: tuple[str, ...]) -> list[Item]:
        """The words' items, in order."""
        if not words:
            return []
        longest = self._body.longest(words)
        items: list[Item] = []
        at = 0
        while at < len(words):
            end, name = longest.get(at, (at + 1, ""))
            if words[at] in ",.":
                items.append(Item(words[at], None, (words[at],), at))
            elif name and not (end == at + 1 and self._is_content(words, at, self._values[name][0])):
                kind, value = self._values[name]
                if kind == "side":
                    value = self._places(words[at:end])
                elif kind == "from" and value is None:
                    sides = self._vocabulary.sides
                    value = self._vocabulary.ends[next(sides[word] for word in words[at:end] if word in sides)]
                elif kind == "nth":
                    kind, value = "ordinal", self._ordinal(words[at:end])
                elif kind == "numbered":
                    value = self._number(words[end - 1])
                elif kind == "compound":
                    kind, value = "noun", " ".join(words[at:end])
                items.append(Item(kind, value, words[at:end], at))
            elif (
                (words[at] in self._vocabulary.adjectives or words[at] not in self._vocabulary.closed)
                and words[at + 1 : at + 2]
                and words[at + 1] in self._vocabulary.coloured
            ):
                end = at + 2
                items.append(Item("adjective", words[at], words[at : at + 1], at))
            elif at + 1 < len(words) and words[at + 1] in self._vocabulary.joined and self._follows(words, at + 1):
                end = at + 2
                items.append(Item("adjective", " ".join(words[at:end]), words[at:end], at))
            else:
                end = at + 1
                items.append(self._word(words, at))
            at = end
        return items

    def _is_content(self, words: tuple[str, ...], at: int, kind: str) -> bool:
        """Whether a word with a small role (a politeness, a preposition) describes something here ("pretty", "off")."""
        return kind == "drop" and words[at] in self._vocabulary.adjectives and self._follows(words, at)

    def _places(self, words: tuple[str, ...]) -> tuple[str, ...]:
        sides = self._vocabulary.sides
        if any(w in sides for w in words):
            sides = {**sides, **self._vocabulary.corner_sides}
        places = [
            sides[w]
            for i, w in enumerate(words)
            if w in sides
            and not (
                i == 0
                and w == "right"
                and len(words) > 1
                and words[1] not in sides
                and words[1] not in ("hand", "side")
                and any(x in sides for x in words[1:])
            )
        ]
        return tuple(dict.fromkeys(places))[:2]

    def _ordinal(self, words: tuple[str, ...]) -> int:
        known = self._vocabulary.ordinals
        return next(known.get(word) or int(word[:-2]) for word in words if word in known or word[:-2].isdecimal())

    def _number(self, word: str) -> int:
        return int(word) if word.isdecimal() else self._vocabulary.numbers.get(word, 1)

    def _word(self, words: tuple[str, ...], at: int) -> Item:
        """One word as noun, adjective, verb or adverb."""
        word, vocabulary = words[at], self._vocabulary
        if word[:1].isdigit():
            digits = word.rstrip("abcdefghijklmnopqrstuvwxyz")
            # Nothing is the 0th, and nobody asks for 0 of them.
            if digits.isdecimal() and int(digits) and word[len(digits) :] in ("st", "nd", "rd", "th"):
                return Item("ordinal", int(digits), (word,), at)
            if word.isdecimal() and int(word):
                return Item("number", int(word), (word,), at)
        if word in vocabulary.adjectives and (word not in vocabulary.nouns or self._follows(words, at)):
            return Item("adjective", word, (word,), at)
        if word in vocabulary.nouns:
            lemma, plural = vocabulary.nouns[word]
            return Item("noun", lemma, (word,), at, plural)
        tag = self._tags(words)[at]
        if tag.startswith("NN") or tag in ("FW", "UH", "CD", "LS", "XX", "ADD", "SYM"):
            many = tag.endswith("S") and word.endswith("s") and word not in vocabulary.never_plural
            return Item("noun", singular(word) if many else word, (word,), at, many, known=False)
        if self._pipeline.vocab[word].is_stop and tag not in ("VBG", "VBN", "VBD"):
            return Item("filler", None, (word,), at, known=False)
        if tag in ("VBG", "VBN") and self._follows(words, at) and (at == 0 or words[at - 1] not in vocabulary.nouns):
            return Item("adjective", word, (word,), at, known=False)
        if tag.startswith("V"):
            kind = "verb" if at else "noun"
            if not at and any(other in vocabulary.nouns for other in words[1:]):
                kind = "filler"
            return Item(kind, word, (word,), at, known=False)
        if tag.startswith("JJ"):
            return Item("adjective", word, (word,), at, known=False)
        return Item("adverb" if at and tag.startswith("RB") else "noun", word, (word,), at, known=False)

    def _follows(self, words: tuple[str, ...], at: int) -> bool:
        """Whether what comes next can be described by the word: a noun, another adjective, "one"."""
        if at + 1 >= len(words):
            return False
        following, vocabulary = words[at + 1], self._vocabulary
        if following in vocabulary.sides and following not in vocabulary.nouns:
            return False
        return following in vocabulary.nouns or following in vocabulary.adjectives or following in vocabulary.generic

    def _tag(self, words: tuple[str, ...]) -> list[str]:
        """Part of speech of every word (Penn Treebank)."""
        from spacy.tokens import Doc

        doc = Doc(self._pipeline.vocab, words=list(words))
        for name in ("tok2vec", "tagger"):
            if self._pipeline.has_pipe(name):
                doc = self._pipeline.get_pipe(name)(doc)
        return [token.tag_ or "NN" for token in doc]
