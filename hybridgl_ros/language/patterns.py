"""Patterns over words as data: `on|at the? {side} of` compiled for spaCy's Matcher."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from spacy.matcher import Matcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

Slot = tuple[frozenset[str], bool]
"""Words that fit one place of a pattern, and whether the place may stay empty."""


def compile_pattern(pattern: str, classes: Mapping[str, Iterable[str]]) -> list[Slot]:
    """The slots of a pattern: words separated by |, {class} for a class's words, ? after what may be missing.

    Raises ValueError for a class that is not there or a pattern that fits no word at all.
    """
    slots: list[Slot] = []
    for part in pattern.split():
        optional = part.endswith("?") and len(part) > 1
        words: set[str] = set()
        for word in part.removesuffix("?" if optional else "").split("|"):
            if word.startswith("{") and word.endswith("}"):
                if word[1:-1] not in classes:
                    raise ValueError(f"pattern {pattern!r}: no class {word}")
                words.update(classes[word[1:-1]])
            elif word:
                words.add(word)
        if not words:
            raise ValueError(f"pattern {pattern!r}: an empty slot")
        slots.append((frozenset(words), optional))
    if not any(not optional for _, optional in slots):
        raise ValueError(f"pattern {pattern!r} fits nothing")
    return slots


class PatternTable:
    """Many patterns, each with a name; finds the longest that fits at every word."""

    def __init__(self, vocab: Vocab, patterns: Sequence[tuple[str, list[Slot]]]) -> None:
        self._matcher = Matcher(vocab)
        self._vocab = vocab
        self._order: dict[str, int] = {}
        for name, slots in patterns:
            self._order.setdefault(name, len(self._order))
            self._matcher.add(name, [[_token(slot) for slot in slots]])

    def longest(self, doc: Doc) -> dict[int, tuple[int, str]]:
        """For every word at which a pattern fits: where the longest ends, and its name (the first one on a tie)."""
        best: dict[int, tuple[int, str]] = {}
        for key, start, end in self._matcher(doc):
            name = self._vocab.strings[key]
            known = best.get(start)
            if known is None or (end, -self._order[name]) > (known[0], -self._order[known[1]]):
                best[start] = (end, name)
        return best


def _token(slot: Slot) -> dict[str, object]:
    words, optional = slot
    token: dict[str, object] = {"ORTH": {"IN": sorted(words)}}
    if optional:
        token["OP"] = "?"
    return token
