"""Which of several masks show the same: non-maximum suppression by their boxes or by the masks themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torchvision.ops.boxes import batched_nms, box_iou

from hybridgl_ros.proposals.packed import PackedMask

Box = tuple[int, int, int, int]


def kept_by_boxes(boxes: Sequence[Box], ratings: Sequence[float], threshold: float) -> list[int]:
    """Indices by falling rating, without those whose XYXY box has more than this IoU with a better one's."""
    corners = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    return batched_nms(corners, torch.tensor(ratings), torch.zeros(len(boxes)), iou_threshold=threshold).tolist()


def box_overlaps(box: Box, others: Sequence[Box]) -> list[float]:
    """IoU of a XYXY box with each of the others; 0 where neither has an area."""
    first, second = (torch.tensor(boxes, dtype=torch.float32).view(-1, 4) for boxes in ([box], others))
    return box_iou(first, second).nan_to_num()[0].tolist()


def kept_by_masks(masks: Sequence[PackedMask], ratings: Sequence[float], threshold: float) -> list[int]:
    """The same by the IoU of the masks: a ring stays beside what fills its box."""
    order = np.argsort(-np.asarray(ratings, np.float32), kind="stable").tolist()
    kept: list[int] = []
    for i in order:
        if all(masks[i].overlap(masks[j]) <= threshold for j in kept):
            kept.append(i)
    return kept
