"""Which of several masks show the same: non-maximum suppression by their boxes or by the masks themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridgl_ros.proposals.packed import PackedMask

Box = tuple[int, int, int, int]


def kept_by_boxes(boxes: Sequence[Box], ratings: Sequence[float], threshold: float) -> list[int]:
    """Indices by falling rating, without those whose XYXY box has more than this IoU with a better one's."""
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    dropped = np.zeros(len(corners), bool)
    kept = []
    for i in by_rating(ratings):
        if not dropped[i]:
            kept.append(i)
            dropped |= overlaps(corners[i], corners).astype(np.float64) > threshold
    return kept


def box_overlaps(box: Box, others: Sequence[Box]) -> list[float]:
    """IoU of a XYXY box with each of the others; 0 where neither has an area."""
    return overlaps(np.array(box, np.float32), np.array(others, np.float32).reshape(-1, 4)).tolist()


def area_of(box: Box) -> int:
    """Of a XYXY box, as the generator measures it: from the first to the last pixel's middle."""
    return (box[2] - box[0]) * (box[3] - box[1])


def common_area(box: Box, other: Box) -> int:
    """Of what two XYXY boxes have in common."""
    width, height = min(box[2], other[2]) - max(box[0], other[0]), min(box[3], other[3]) - max(box[1], other[1])
    return max(width, 0) * max(height, 0)


def overlaps(corners: np.ndarray, others: np.ndarray) -> np.ndarray:
    """IoU of one box with N×4 others, float32."""
    sides = np.minimum(corners[2:], others[:, 2:]) - np.maximum(corners[:2], others[:, :2])
    common = sides.clip(min=0).prod(axis=1)
    union = (corners[2:] - corners[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union != 0)


def by_rating(ratings: Sequence[float]) -> list[int]:
    """Indices by falling rating, the first of equal ones first."""
    return np.argsort(-np.asarray(ratings, np.float32), kind="stable").tolist()


def kept_by_masks(masks: Sequence[PackedMask], ratings: Sequence[float], threshold: float) -> list[int]:
    """The same by the IoU of the masks: a ring stays beside what fills its box."""
    kept: list[int] = []
    for i in by_rating(ratings):
        if all(masks[i].overlap(masks[j]) <= threshold for j in kept):
            kept.append(i)
    return kept
