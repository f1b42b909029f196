"""Proposals by SAM's automatic mask generation over a point grid.

The steps and their order are those of segment_anything's `SamAutomaticMaskGenerator` without crops (Kirillov et al.,
*Segment Anything*, ICCV 2023), and so are the masks; but only masks that SAM rates well are brought to the size of
the image, a few at a time, and they wait in run-length code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco
from segment_anything import SamPredictor
from segment_anything.modeling import Sam
from segment_anything.utils.amg import build_point_grid, calculate_stability_score, remove_small_regions
from torch import Tensor

from hybridgl_ros.errors import ImageError
from hybridgl_ros.memory import PIECE, check_room, pieces, room_on
from hybridgl_ros.progress import Progress, unwatched
from hybridgl_ros.proposals.duplicates import kept_by_boxes, kept_by_masks
from hybridgl_ros.proposals.masks import corners, proposals_from_masks
from hybridgl_ros.settings import ProposalSettings
from hybridgl_ros.types import Proposals

# How far the logit threshold is shifted for the stability, and the IoU above which cleaned masks are duplicates:
# the generator's own.
STABILITY_OFFSET = 1.0
CLEANED_NMS = 0.7
# Bytes a pixel of one mask: float logits and their three thresholds.
UPSCALED_MASK = 7


@dataclass(frozen=True)
class Found:
    """One mask in COCO's run-length code, its XYXY corners, and how SAM rates it."""

    code: dict[str, Any]
    box: tuple[int, int, int, int]
    predicted_iou: float
    stability: float


class SamProposals:
    """A loaded SAM of any size; dtype: autocast type of its image encoder."""

    def __init__(self, sam: Sam, dtype: torch.dtype = torch.float32) -> None:
        self._sam = sam
        self._dtype = dtype

    def generate(self, image: np.ndarray, settings: ProposalSettings, progress: Progress = unwatched) -> Proposals:
        """See `ProposalGenerator`. Raises ImageError for a picture too narrow for SAM, or too big for memory."""
        size = (image.shape[0], image.shape[1])
        input_size = self._input_size(size)
        one_mask = UPSCALED_MASK * size[0] * size[1] + 4 * self._sam.image_encoder.img_size**2
        check_room(max(one_mask, min(PIECE, one_mask * 3)), size, "mask generation", room_on(self._sam.device))
        with torch.inference_mode():
            features = self._encode(image)
            found = [
                one
                for points in batches(build_point_grid(settings.points_per_side), settings.points_per_batch, progress)
                for one in self._masks_at(points, features, input_size, size, settings)
            ]
        kept = without_duplicates(found, [one.predicted_iou for one in found], settings.nms, settings.nms_threshold)
        if settings.minimum_region_area:
            kept = cleaned(kept, settings)
        check_room(len(kept) * size[0] * size[1], size, f"{len(kept)} masks")
        masks = np.empty((len(kept), *size), bool)
        for mask, one in zip(masks, kept):
            mask[:] = coco.decode(one.code)
        return proposals_from_masks(
            masks, np.array([one.predicted_iou for one in kept]), np.array([one.stability for one in kept])
        )

    def _input_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the picture as SAM sees it; raises ImageError when nothing is left of one side."""
        longest = self._sam.image_encoder.img_size
        height, width = SamPredictor(self._sam).transform.get_preprocess_shape(*size, longest)
        if not (height and width):
            raise ImageError(f"a {size[1]}×{size[0]} picture is too narrow: SAM sees it at {width}×{height} pixels")
        return height, width

    def _encode(self, image: np.ndarray) -> Tensor:
        """SAM's image embedding, 1×C×h×w float32."""
        predictor = SamPredictor(self._sam)
        mixed = self._dtype != torch.float32
        with torch.autocast(self._sam.device.type, dtype=self._dtype, enabled=mixed):
            predictor.set_image(image)
        return predictor.get_image_embedding().float()

    def _masks_at(
        self,
        points: np.ndarray,
        features: Tensor,
        input_size: tuple[int, int],
        size: tuple[int, int],
        settings: ProposalSettings,
    ) -> Iterator[Found]:
        """The well-rated masks at P×2 points, given as shares of width and height."""
        logits, ratings = self._decode(points, features, input_size, size)
        if settings.predicted_iou_threshold > 0:
            good = ratings > settings.predicted_iou_threshold
            logits, ratings = logits[good], ratings[good]
        for piece in pieces(len(logits), UPSCALED_MASK * size[0] * size[1]):
            upscaled = self._sam.postprocess_masks(logits[piece, None], input_size, size)[:, 0]
            threshold = self._sam.mask_threshold
            stability = calculate_stability_score(upscaled, threshold, STABILITY_OFFSET)
            masks = (upscaled > threshold).cpu().numpy()
            del upscaled
            for mask, rating, stable in zip(masks, ratings[piece].tolist(), stability.tolist()):
                if settings.stability_threshold <= 0 or stable >= settings.stability_threshold:
                    yield Found(encode(mask), corners(mask), rating, stable)

    def _decode(
        self, points: np.ndarray, features: Tensor, input_size: tuple[int, int], size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Logits M×h×w float32 at the decoder's own size and SAM's ratings of them, M float32."""
        sam = self._sam
        # In pixels of the picture first, as the generator does: the last digits of the scaled points depend on it.
        pixels = points * np.array(size)[::-1]
        scaled = pixels * (np.array(input_size) / np.array(size))[::-1]
        coordinates = torch.as_tensor(scaled, device=sam.device)[:, None]
        labels = torch.ones(len(points), 1, dtype=torch.int, device=sam.device)
        sparse, dense = sam.prompt_encoder(points=(coordinates, labels), boxes=None, masks=None)
        logits, ratings = sam.mask_decoder(
            image_embeddings=features,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
        return logits.flatten(0, 1), ratings.flatten()


def batches(points: np.ndarray, count: int, progress: Progress) -> Iterator[np.ndarray]:
    for first in range(0, len(points), count):
        progress("proposals")
        yield points[first : first + count]


def encode(mask: np.ndarray) -> dict[str, Any]:
    """COCO's run-length code of an H×W bool mask."""
    return coco.encode(np.asfortranarray(mask, dtype=np.uint8))


def without_duplicates(found: list[Found], ratings: list[float], by: str, threshold: float) -> list[Found]:
    """The masks by falling rating, without those that overlap a better one by more than the threshold.

    by: `box` compares boxes, as the generator does, `mask` the masks.
    """
    if by == "box":
        order = kept_by_boxes([one.box for one in found], ratings, threshold)
    else:
        order = kept_by_masks([one.code for one in found], ratings, threshold)
    return [found[i] for i in order]


def cleaned(found: list[Found], settings: ProposalSettings) -> list[Found]:
    """The masks without holes and islands smaller than asked; those that had none come first."""
    results, untouched = [], []
    for one in found:
        mask, holes = remove_small_regions(
            coco.decode(one.code).astype(bool), settings.minimum_region_area, mode="holes"
        )
        mask, islands = remove_small_regions(mask, settings.minimum_region_area, mode="islands")
        changed = holes or islands
        results.append(Found(encode(mask), corners(mask), one.predicted_iou, one.stability) if changed else one)
        untouched.append(float(not changed))
    return without_duplicates(results, untouched, settings.nms, max(settings.nms_threshold, CLEANED_NMS))
