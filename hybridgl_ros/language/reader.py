"""Read an expression as people say it: one to three queries, with what a person should know about the reading."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from hybridgl_ros.errors import ExpressionError
from hybridgl_ros.language.assemble import readings
from hybridgl_ros.language.lexer import Lexer
from hybridgl_ros.language.query import Reading
from hybridgl_ros.language.sentences import SentenceReader
from hybridgl_ros.language.spelling import Speller
from hybridgl_ros.language.text import split_words, strip_wrapping, unstretched
from hybridgl_ros.language.vocabulary import Vocabulary

if TYPE_CHECKING:
    from spacy.language import Language


def without_fillers(words: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """The words without sounds of thinking and without what is said twice ("the um the the ball")."""
    kept: list[str] = []
    for word in words:
        word = unstretched(word, vocabulary.words)
        if word not in vocabulary.fillers and not (kept and word == kept[-1] and word.isalpha()):
            kept.append(word)
    return kept if any(word.isalpha() for word in kept) else list(words)


class QueryParser:
    """Turns text into a `Reading`; the pipeline tells parts of speech, the vocabulary all the rest."""

    def __init__(self, pipeline: Language, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._sentences = SentenceReader(Lexer(pipeline, vocabulary), vocabulary)
        self._speller = Speller(pipeline, vocabulary)
        # The same expression comes again with every frame.
        self._read_known = lru_cache(maxsize=1024)(self._read)

    def read(self, text: str) -> Reading:
        """Read one expression. Raises ExpressionError when it is empty or blank."""
        if not text.strip():
            raise ExpressionError("the expression is empty")
        return self._read_known(text)

    def _read(self, text: str) -> Reading:
        vocabulary = self._vocabulary
        said = split_words(strip_wrapping(text), vocabulary.contractions, vocabulary.rewrites)
        said = without_fillers(said, vocabulary)
        words = [self._speller.repair(word) for word in said]
        notes = [f"read '{one}' as '{two}'" for one, two in dict.fromkeys(zip(said, words, strict=True)) if one != two]
        words = [part for word in words for one in word.split() for part in self._parts(one)]
        language = self._language(words, text)
        if language:
            notes.append(language)
        meaning = self._sentences.read(words)
        queries, weights = zip(*readings(meaning.target, vocabulary), strict=True)
        notes += dict.fromkeys(meaning.notes)
        if meaning.ignored:
            notes.append("ignored: " + ", ".join(f"'{word}'" for word in dict.fromkeys(meaning.ignored)))
        return Reading(text, queries, weights, tuple(notes))

    def _parts(self, word: str) -> Sequence[str]:
        """A hyphenated word's parts when they are known and it is not ("dark-green")."""
        if "-" not in word or word in self._vocabulary.words:
            return (word,)
        parts = word.split("-")
        if len(parts) == 2 and parts[0] in self._vocabulary.without | {"non"}:
            return parts
        return parts if all(part in self._vocabulary.closed or part.isdecimal() for part in parts) else (word,)

    def _language(self, words: Sequence[str], text: str) -> str:
        """What to say of a text that is not English; "" for English."""
        spoken = [word for word in words if word[:1].isalpha()]
        latin = sum(char.isascii() for word in spoken for char in word)
        letters = sum(len(word) for word in spoken)
        if not letters:
            return "no words in it"
        if latin < letters / 2:
            return "not in the Latin script; only English is understood"
        known = [word for word in spoken if word in self._vocabulary.words]
        share = 1 - len(known) / len(spoken)
        if len(spoken) > 1 and share >= self._vocabulary.foreign_share:
            found = {name: len(small.intersection(spoken)) for name, small in self._vocabulary.foreign.items()}
            name, count = max(found.items(), key=lambda entry: entry[1])
            if count >= 2:
                return f"looks like {name}; only English is understood"
            unheard = sum(self._speller.sources(word) == 0 for word in spoken if word not in known)
            if unheard > 1 and unheard >= len(spoken) / 2:
                return "not a language that is understood; only English is"
        return ""
