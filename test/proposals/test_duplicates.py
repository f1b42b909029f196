"""Non-maximum suppression by boxes and by masks."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops.boxes import batched_nms, box_iou

from hybridgl_ros.proposals.duplicates import box_overlaps, kept_by_boxes, kept_by_masks
from hybridgl_ros.proposals.masks import corners
from hybridgl_ros.proposals.packed import PackedMask


def rectangle(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((24, 24), bool)
    mask[top : bottom + 1, left : right + 1] = True
    return mask


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


def test_a_ring_stays_beside_what_fills_its_box():
    disc, hole = rectangle(2, 2, 17, 17), rectangle(4, 4, 15, 15)
    ring, ball = disc & ~hole, rectangle(3, 3, 16, 16)
    masks, ratings = [ball, ring, disc], [0.9, 0.8, 0.7]
    assert kept_by_boxes([corners(mask) for mask in masks], ratings, 0.7) == [0]
    assert kept_by_masks([PackedMask.of(mask) for mask in masks], ratings, 0.7) == [0, 1]


rectangles = st.tuples(*[st.integers(0, 11)] * 2, *[st.integers(12, 23)] * 2)


@given(st.lists(st.tuples(rectangles, st.integers(1, 4)), max_size=8), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
def test_by_masks_every_mask_is_kept_or_overlaps_a_better_one_that_is(found, threshold):
    masks, ratings = [rectangle(*sides) for sides, _ in found], [rating / 4 for _, rating in found]
    kept = kept_by_masks([PackedMask.of(mask) for mask in masks], ratings, threshold)
    assert kept == sorted(kept, key=lambda i: (-ratings[i], i))
    for i, mask in enumerate(masks):
        before = [j for j in kept if (-ratings[j], j) < (-ratings[i], i)]
        assert (i in kept) == all(overlap(mask, masks[j]) <= threshold for j in before)


boxes = st.tuples(*[st.integers(0, 7)] * 2, *[st.integers(0, 9)] * 2).map(
    lambda sides: (sides[0], sides[1], sides[0] + sides[2], sides[1] + sides[3])
)


@given(st.lists(st.tuples(boxes, st.integers(1, 4)), max_size=12), st.sampled_from([0.0, 1 / 3, 0.5, 0.7, 1.0]))
def test_by_boxes_as_torchvision(found, threshold):
    corners, ratings = [box for box, _ in found], [rating / 4 for _, rating in found]
    tensor = torch.tensor(corners, dtype=torch.float32).view(-1, 4)
    kept = batched_nms(tensor, torch.tensor(ratings), torch.zeros(len(found)), threshold)
    assert kept_by_boxes(corners, ratings, threshold) == kept.tolist()
    for box in corners[:1]:
        expected = box_iou(tensor[:1], tensor).nan_to_num()[0].tolist()
        assert box_overlaps(box, corners) == expected
