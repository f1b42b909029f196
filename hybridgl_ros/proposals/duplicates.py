"""Which of several masks show the same: non-maximum suppression by their boxes or by the masks themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco
from torchvision.ops.boxes import batched_nms


def kept_by_boxes(boxes: Sequence[tuple[int, int, int, int]], ratings: Sequence[float], threshold: float) -> list[int]:
    """Indices by falling rating, without those whose XYXY box has more than this IoU with a better one's."""
    corners = torch.tensor(boxes, dtype=torch.float32).view(-1, 4)
    return batched_nms(corners, torch.tensor(ratings), torch.zeros(len(boxes)), iou_threshold=threshold).tolist()


def kept_by_masks(codes: Sequence[dict[str, Any]], ratings: Sequence[float], threshold: float) -> list[int]:
    """The same by the IoU of the masks, in COCO's run-length code: a ring stays beside what fills its box."""
    order = np.argsort(-np.asarray(ratings, np.float32), kind="stable").tolist()
    kept: list[int] = []
    for i in order:
        overlaps = coco.iou([codes[i]], [codes[j] for j in kept], [0] * len(kept)) if kept else np.zeros(1)
        if overlaps.max() <= threshold:
            kept.append(i)
    return kept
