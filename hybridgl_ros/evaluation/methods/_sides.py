"""The quarter of a picture that an expression names (TAS, §3.4): where the proposals' centres lie, and what is said."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hybridgl_ros.evaluation.methods._entities import Entity

Sides = Mapping[str, Sequence[str]]
"""Letters that stand for above, below, left and right."""


@dataclass(frozen=True)
class Side:
    """What is said of the place; "" where nothing is."""

    vertical: str = ""
    horizontal: str = ""

    def holds(self, masks: np.ndarray) -> np.ndarray:
        """Which of N×H×W bool masks, none empty, lie there: on that side of the median centre, N bool."""
        rows, columns = centres(masks).T
        above, left = rows < np.median(rows), columns < np.median(columns)
        found = np.ones(len(masks), bool)
        if self.vertical:
            found &= above == (self.vertical == "above")
        if self.horizontal:
            found &= left == (self.horizontal == "left")
        return found


def centres(masks: np.ndarray) -> np.ndarray:
    """Mean row and column of each mask, cut to whole pixels, N×2."""
    return np.array([[int(places.mean()) for places in np.nonzero(mask)] for mask in masks]).reshape(-1, 2)


def side_of(
    sentence: str,
    phrase: str,
    entity: Entity | None,
    phrases: Collection[str],
    beside_superlative: Sides,
    beside_relation: Sides,
) -> Side:
    """What a sentence in lower case says of the place of its object.

    phrase: the target phrase; entity: what it is read as, of another phrase if more hangs on it, which then says
    nothing. phrases: all noun phrases of the sentence.
    """
    if entity is None or str(entity.phrase) != phrase or bool(entity.superlatives) == bool(entity.relations):
        return Side()
    if entity.superlatives:
        vertical = first_side(sentence, beside_superlative, ("above", "below"))
        return Side(vertical, first_side(sentence, beside_superlative, ("left", "right")))
    return side_of_relations(sentence, entity, phrases, beside_relation)


def side_of_relations(sentence: str, entity: Entity, phrases: Collection[str], sides: Sides) -> Side:
    """Of the relations that name a side of the picture itself, the last one's."""
    found = Side()
    for words, other in entity.relations:
        if not words or str(other.phrase) not in phrases:
            continue
        word = next((str(word) for word in words if any(str(word) in letters for letters in sides.values())), "")
        if word and (str(other.phrase) == str(entity.phrase) or word in str(other.phrase)):
            named = next(side for side in ("left", "right", "above", "below") if word in sides[side])
            if named in ("left", "right"):
                found = Side(first_side(sentence, sides, ("above", "below")), named)
            else:
                found = Side(named, first_side(sentence, sides, ("left", "right")))
    return found


def first_side(sentence: str, sides: Sides, names: Sequence[str]) -> str:
    """The first of some sides whose letters stand anywhere in the sentence, as published ("top" in "laptop")."""
    return next((name for name in names if any(letters in sentence for letters in sides[name])), "")
