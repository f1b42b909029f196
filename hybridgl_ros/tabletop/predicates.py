"""When a spatial word is true of objects, and the margins within which truth is not clear-cut."""

from __future__ import annotations

import math

import numpy as np

from .grounding import Located
from .objects import SIZES

MARGIN = 24.0
"""Pixels by which two centres must differ to be left/right of or above/below each other."""

DEPTH_MARGIN = 0.03
"""Metres by which two distances must differ to be in front of/behind each other."""

SIZE_MARGIN = 1.15
"""Factor by which sizes must still differ to the eye once distance has done its work."""


def inside(one: Located, two: Located) -> bool:
    """A small object in the hole of a ring: its centre at the ring's, in space and in the picture."""
    if two.truth.shape != "ring" or one.truth.shape == "ring":
        return False
    apart = np.linalg.norm(np.subtract(one.truth.position, two.truth.position))
    return bool(apart < 0.35 * SIZES[two.truth.size] and two.box[0] < one.x < two.box[2])


def is_between(item: Located, first: Located, second: Located, width: float) -> bool:
    """Whether the centre lies along the line from one centre to the other and near it.

    ``width`` 1 takes all between the ends and within half their distance of the line; less is stricter.
    """
    along_x, along_y = second.x - first.x, second.y - first.y
    length = math.hypot(along_x, along_y)
    if item in (first, second) or length < 2 * MARGIN:
        return False
    offset_x, offset_y = item.x - first.x, item.y - first.y
    share = (offset_x * along_x + offset_y * along_y) / length**2
    off = abs(along_x * offset_y - along_y * offset_x) / length
    ends = 0.4 * (1 - width)
    return ends < share < 1 - ends and off < width * length / 2


def gap(one: Located, two: Located) -> float:
    """Pixels between two boxes, 0 where they overlap."""
    low, high = np.maximum(one.box[:2], two.box[:2]), np.minimum(one.box[2:], two.box[2:])
    return float(np.linalg.norm(np.maximum(low - high, 0)))
