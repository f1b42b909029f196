"""Patterns over words as data: `on|at the? {side} of`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
    """Many patterns, each with a name; finds the longest that fits at every word.

    spaCy's Matcher does the same in thirty times the time: it tries every pattern at every word, where an index of
    first words leaves a handful.
    """

    def __init__(self, patterns: Sequence[tuple[str, list[Slot]]]) -> None:
        self._by_first: dict[str, list[tuple[int, str, list[Slot]]]] = {}
        for order, (name, slots) in enumerate(patterns):
            for word in _first_words(slots):
                self._by_first.setdefault(word, []).append((order, name, slots))

    def longest(self, words: Sequence[str]) -> dict[int, tuple[int, str]]:
        """For every word at which a pattern fits: where the longest ends, and its name (the first one on a tie)."""
        best: dict[int, tuple[int, str]] = {}
        for start, word in enumerate(words):
            found = max(
                ((fit(slots, words, start), -order, name) for order, name, slots in self._by_first.get(word, ())),
                default=(-1, 0, ""),
            )
            if found[0] > start:
                best[start] = (found[0], found[2])
        return best


def fit(slots: Sequence[Slot], words: Sequence[str], start: int) -> int:
    """Where the longest fit of a pattern that starts at a word ends, −1 when it does not fit."""
    ends = {start}
    for options, optional in slots:
        further = {end + 1 for end in ends if end < len(words) and words[end] in options}
        ends = further | ends if optional else further
        if not ends:
            return -1
    return max(ends)


def _first_words(slots: Sequence[Slot]) -> set[str]:
    first: set[str] = set()
    for options, optional in slots:
        first |= options
        if not optional:
            break
    return first
