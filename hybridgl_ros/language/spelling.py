"""Typos one edit away from a known word; a word that English knows is never touched."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hybridgl_ros.language.vocabulary import Vocabulary

if TYPE_CHECKING:
    from spacy.language import Language

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def edits(word: str) -> set[str]:
    """All words one deletion, swap of neighbours, replacement or insertion away (Damerau)."""
    splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    deleted = {a + b[1:] for a, b in splits if b}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1}
    replaced = {a + c + b[1:] for a, b in splits if b for c in _LETTERS}
    inserted = {a + c + b for a, b in splits for c in _LETTERS}
    return deleted | swapped | replaced | inserted


class Speller:
    """Reads a word that nobody knows as the word of the vocabulary it is one edit away from.

    English is what both the pipeline and CLIP's tokeniser know as one word. A word that only one of them knows may be
    read as one of the vocabulary's closed classes (places, relations, numbers, colours).
    """

    def __init__(self, pipeline: Language, vocabulary: Vocabulary) -> None:
        self._known = vocabulary.words
        self._closed = vocabulary.closed
        self._pipeline = pipeline
        self._shortest = vocabulary.shortest_typo
        self._swap_only = vocabulary.swap_only

    def repair(self, word: str) -> str:
        """The word that is meant: itself when it is known or nothing is near."""
        if word in self._known or not word.isascii() or not word.isalpha() or len(word) < self._shortest:
            return word
        sources = self.sources(word)
        if sources == 2:
            return word
        allowed: Collection[str] = self._closed if sources else self._known
        near = edits(word) & set(allowed)
        if len(word) <= self._swap_only:
            near = {other for other in near if len(other) >= len(word) and other[0] == word[0]}
        near = {other for other in near if len(other) >= self._shortest + sources}
        if not near:
            return word if sources else self._split(word)
        return min(
            near,
            key=lambda other: (
                sorted(other) != sorted(word),
                other[0] != word[0],
                other not in self._closed,
                -len(other),
                other,
            ),
        )

    def _split(self, word: str) -> str:
        """Two known words that were written as one ("redball"), else the word."""
        for at in range(self._shortest, len(word) - self._shortest + 1):
            if word[:at] in self._known and word[at:] in self._known and word[:at] in self._closed:
                return f"{word[:at]} {word[at:]}"
        return word

    def sources(self, word: str) -> int:
        """How many of the two sources know the word as English."""
        return (word in pipeline_words(str(self._pipeline.path))) + (word in clip_words())


@lru_cache(maxsize=4)
def pipeline_words(folder: str) -> frozenset[str]:
    """The words that a pipeline was made with; its string store in memory grows with every text that it is shown."""
    path = Path(folder) / "vocab" / "strings.json"
    return frozenset(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else frozenset()


@lru_cache(maxsize=1)
def clip_words() -> frozenset[str]:
    """The whole words of CLIP's tokeniser."""
    from hybridgl_ros.models.loading import clip_tokenizer

    return frozenset(word.removesuffix("</w>") for word in clip_tokenizer().encoder if word.endswith("</w>"))
