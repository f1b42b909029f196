"""Make `Proposals` from plain masks."""

from __future__ import annotations

import numpy as np

from hybridgl_ros.types import Proposals


def proposals_from_masks(
    masks: np.ndarray, predicted_iou: np.ndarray | None = None, stability: np.ndarray | None = None
) -> Proposals:
    """Proposals without the empty and full-frame masks, which no score of the method is defined for.

    masks: N×H×W bool; predicted_iou, stability: N, NaN when left out.
    """
    usable = masks.any(axis=(1, 2)) & ~masks.all(axis=(1, 2))
    unknown = np.full(len(masks), np.nan)
    # Indexing would copy masks that may take gigabytes.
    kept = masks if usable.all() else masks[usable]
    return Proposals(
        masks=kept,
        boxes=boxes_of(kept),
        predicted_iou=np.asarray(unknown if predicted_iou is None else predicted_iou, np.float32)[usable],
        stability=np.asarray(unknown if stability is None else stability, np.float32)[usable],
        dropped=int(len(masks) - usable.sum()),
    )


def boxes_of(masks: np.ndarray) -> np.ndarray:
    """N×4 float32 XYWH boxes of N×H×W bool masks, none of them empty; w = x_max − x_min (no +1)."""
    boxes = np.empty((len(masks), 4), np.float32)
    for box, mask in zip(boxes, masks):
        left, top, right, bottom = corners(mask)
        box[:] = left, top, right - left, bottom - top
    return boxes


def corners(mask: np.ndarray) -> tuple[int, int, int, int]:
    """First and last column and row of an H×W bool mask, as (left, top, right, bottom); zeros when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])
