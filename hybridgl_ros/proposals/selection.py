"""Which of SAM's masks are kept, brought to the size of the picture one at a time.

The result is that of `SamAutomaticMaskGenerator`'s filters in their order: stability, non-maximum suppression, small
regions. What is certain from the decoder's small logits is decided there, and such masks are never made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from hybridgl_ros.proposals.duplicates import Box, area_of, box_overlaps, common_area, kept_by_boxes, kept_by_masks
from hybridgl_ros.proposals.packed import PackedMask
from hybridgl_ros.proposals.upscaling import Bounds, Upscaling
from hybridgl_ros.settings import ProposalSettings

# How far the logit threshold is shifted for the stability, and the IoU above which cleaned masks are duplicates:
# the generator's own.
STABILITY_OFFSET = 1.0
CLEANED_NMS = 0.7
# What is nearer than this to a threshold is decided by the exact computation.
MARGIN = 1e-4


@dataclass(frozen=True)
class Found:
    """One mask, and how SAM rates it."""

    mask: PackedMask
    predicted_iou: float
    stability: float


class Selection:
    """Takes candidates in any number of portions and keeps the masks that may be among the result.

    threshold: of the logits, above which a pixel is in the mask.
    """

    def __init__(self, upscaling: Upscaling, threshold: float, settings: ProposalSettings) -> None:
        self._upscaling = upscaling
        self._settings = settings
        self._threshold = threshold
        self._found: list[tuple[int, Found]] = []
        self._seen = 0

    def add(self, logits: Sequence[Tensor], ratings: Sequence[float], *, everything: bool) -> None:
        """h×w logits of candidates and SAM's ratings of them; everything: these are all.

        Only among all can it be known early that one is suppressed.
        """
        sure: list[Box] = []
        by_boxes = everything and self._settings.nms == "box"
        small = in_main_memory(logits)
        for i in np.argsort(-np.asarray(ratings, np.float32), kind="stable").tolist():
            bounds = self._upscaling.bounds(small[i])
            if by_boxes and self._surely_suppressed(bounds, sure):
                continue
            found = self._made(logits[i], ratings[i], bounds)
            if found is None:
                continue
            if by_boxes:
                overlap = max(box_overlaps(found.mask.box, sure), default=0.0)
                if overlap > self._settings.nms_threshold + MARGIN:
                    continue
                if overlap <= self._settings.nms_threshold - MARGIN or not sure:
                    sure.append(found.mask.box)
            self._found.append((self._seen + i, found))
        self._seen += len(ratings)

    @property
    def empty(self) -> bool:
        """Whether nothing was added yet."""
        return not self._seen

    def result(self) -> list[Found]:
        """The masks that are kept, in the generator's order."""
        settings = self._settings
        found = [one for _, one in sorted(self._found, key=lambda entry: entry[0])]
        kept = without_duplicates(found, [one.predicted_iou for one in found], settings.nms, settings.nms_threshold)
        return cleaned(kept, settings) if settings.minimum_region_area else kept

    def _surely_suppressed(self, bounds: Bounds, kept: Sequence[Box]) -> bool:
        """Whether, wherever its edges are exactly, a mask's box overlaps one of the kept by too much."""
        boxes = bounds.boxes(self._threshold) if kept and self._settings.nms_threshold < 1 else None
        if boxes is None:
            return False
        inner, outer = boxes
        wanted, whole = self._settings.nms_threshold + MARGIN, area_of(outer)
        common = [common_area(inner, other) for other in kept]
        return any(least > wanted * (whole + area_of(other) - least) for least, other in zip(common, kept))

    def _made(self, logits: Tensor, rating: float, bounds: Bounds) -> Found | None:
        """The mask at the size of the picture, None when it is not stable enough."""
        wanted, threshold = self._settings.stability_threshold, self._threshold
        if wanted > 0 and bounds.stability_at_most(threshold, STABILITY_OFFSET) < wanted - MARGIN:
            return None
        rows, columns = bounds.end(threshold - STABILITY_OFFSET)
        larger = self._upscaling.enlarge(logits)[:rows, :columns]
        high, low = (np.float32(count_above(larger, threshold + s)) for s in (STABILITY_OFFSET, -STABILITY_OFFSET))
        with np.errstate(invalid="ignore"):
            stability = high / low
        if wanted > 0 and not stability >= np.float32(wanted):
            return None
        mask = (larger > threshold).cpu().numpy()
        return Found(PackedMask.of(mask, self._upscaling.size), rating, float(stability))


def in_main_memory(logits: Sequence[Tensor]) -> Sequence[np.ndarray]:
    """h×w float32 of each; of a GPU in one piece, since every question to it waits for all that it has to do."""
    if logits and logits[0].device.type != "cpu":
        return list(torch.stack(list(logits)).float().cpu().numpy())
    return [one.float().numpy() for one in logits]


def count_above(logits: Tensor, level: float) -> int:
    """How many logits are above a level, counted where they lie."""
    if logits.device.type == "cpu":
        return int(np.count_nonzero(logits.numpy() > np.float32(level)))
    return int((logits > level).count_nonzero())


def without_duplicates(found: list[Found], ratings: list[float], by: str, threshold: float) -> list[Found]:
    """The masks by falling rating, without those that overlap a better one by more than the threshold.

    by: `box` compares boxes, as the generator does, `mask` the masks.
    """
    masks = [one.mask for one in found]
    if by == "box":
        order = kept_by_boxes([mask.box for mask in masks], ratings, threshold)
    else:
        order = kept_by_masks(masks, ratings, threshold)
    return [found[i] for i in order]


def cleaned(found: list[Found], settings: ProposalSettings) -> list[Found]:
    """The masks without holes and islands smaller than asked; those that had none come first."""
    results, untouched = [], []
    for one in found:
        canvas = one.mask.draw(np.empty(one.mask.size, bool))
        mask, holes = without_small_regions(canvas, settings.minimum_region_area, holes=True)
        mask, islands = without_small_regions(mask, settings.minimum_region_area, holes=False)
        changed = holes or islands
        results.append(Found(PackedMask.of(mask), one.predicted_iou, one.stability) if changed else one)
        untouched.append(float(not changed))
    return without_duplicates(results, untouched, settings.nms, max(settings.nms_threshold, CLEANED_NMS))


def without_small_regions(mask: np.ndarray, area: int, *, holes: bool) -> tuple[np.ndarray, bool]:
    """An H×W bool mask without its holes, or islands, of fewer pixels than `area`, and whether there were any.

    As segment_anything's `remove_small_regions`: regions touch at corners, too, and of islands the largest stays.
    """
    _, regions, stats, _ = cv2.connectedComponentsWithStats((mask ^ holes).view(np.uint8), connectivity=8)
    sizes = stats[1:, cv2.CC_STAT_AREA]
    small = sizes < area
    if not small.any():
        return mask, False
    if not holes and small.all():
        small[np.argmax(sizes)] = False
    filled = np.concatenate(([holes], small if holes else ~small))
    return filled[regions], True
