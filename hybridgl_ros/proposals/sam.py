"""Proposals by SAM's automatic mask generation over a point grid.

The steps are those of segment_anything's `SamAutomaticMaskGenerator` without crops (Kirillov et al., *Segment
Anything*, ICCV 2023), and so are the masks and their order; but only masks that can be in the result are brought to
the size of the image, one at a time, and they wait as bits of their boxes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hybridgl_ros.errors import ImageError
from hybridgl_ros.memory import PIECE, check_room, room_on
from hybridgl_ros.models.parts import part_of
from hybridgl_ros.progress import Progress, unwatched
from hybridgl_ros.proposals.decoder import decode_points
from hybridgl_ros.proposals.encoder import embed_image
from hybridgl_ros.proposals.masks import proposals_from_masks
from hybridgl_ros.proposals.selection import Found, Selection
from hybridgl_ros.proposals.upscaling import Upscaling
from hybridgl_ros.settings import ProposalSettings
from hybridgl_ros.types import Proposals

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

build_point_grid = part_of("segment_anything", "utils.amg").build_point_grid
# Bytes a pixel of one mask: float logits and their three thresholds.
UPSCALED_MASK = 7


class SamProposals:
    """A loaded SAM of any size; dtype: autocast type of its image encoder."""

    def __init__(self, sam: Sam, dtype: torch.dtype = torch.float32) -> None:
        self._sam = sam
        self._dtype = dtype

    def generate(self, image: np.ndarray, settings: ProposalSettings, progress: Progress = unwatched) -> Proposals:
        """See `ProposalGenerator`. Raises ImageError for a picture too narrow for SAM, or too big for memory."""
        with torch.inference_mode():
            progress("proposals")
            return self.propose(self.embed(image), (image.shape[0], image.shape[1]), settings, progress)

    def embed(self, image: np.ndarray) -> Tensor:
        """SAM's image embedding, 1×C×h×w float32; raises ImageError for a picture too narrow for SAM."""
        height, width = self._input_size((image.shape[0], image.shape[1]))
        seen = np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
        pixels = torch.as_tensor(seen, device=self._sam.device).permute(2, 0, 1)[None]
        mixed = self._dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self._sam.device.type, dtype=self._dtype, enabled=mixed):
            return embed_image(self._sam.image_encoder, self._sam.preprocess(pixels)).float()

    def propose(
        self, features: Tensor, size: tuple[int, int], settings: ProposalSettings, progress: Progress = unwatched
    ) -> Proposals:
        """The masks of a picture of (height, width) from its embedding; errors and progress as in `generate`."""
        one_mask = UPSCALED_MASK * size[0] * size[1] + 8 * self._sam.image_encoder.img_size**2
        check_room(one_mask, size, "mask generation", room_on(self._sam.device))
        with torch.inference_mode():
            kept = self._select(features, size, settings, progress)
        check_room(len(kept) * size[0] * size[1], size, f"{len(kept)} masks")
        masks = np.empty((len(kept), *size), bool)
        for mask, one in zip(masks, kept):
            one.mask.draw(mask)
        return proposals_from_masks(
            masks, np.array([one.predicted_iou for one in kept]), np.array([one.stability for one in kept])
        )

    def _input_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the picture as SAM sees it; raises ImageError when nothing is left of one side."""
        scale = self._sam.image_encoder.img_size / max(size)
        height, width = (int(side * scale + 0.5) for side in size)
        if not (height and width):
            raise ImageError(f"a {size[1]}×{size[0]} picture is too narrow: SAM sees it at {width}×{height} pixels")
        return height, width

    def _select(
        self, features: Tensor, size: tuple[int, int], settings: ProposalSettings, progress: Progress
    ) -> list[Found]:
        """Decode the grid's points, and select as often as the decoder's logits fill a piece of memory."""
        selection: Selection | None = None
        logits: list[Tensor] = []
        ratings: list[float] = []
        points = self._points(size, settings.points_per_side)
        for some in points.split(settings.points_per_batch):
            progress("proposals")
            for masks, scores in decode_points(self._sam, features, some, settings.predicted_iou_threshold):
                if selection is None:
                    shape = (masks.shape[1], masks.shape[2])
                    selection = Selection(Upscaling(self._sam, shape, self._input_size(size), size), settings)
                if logits and len(logits) * masks[0].nbytes > PIECE:
                    selection.add(logits, ratings, everything=False)
                    logits, ratings = [], []
                logits += masks
                ratings += scores.tolist()
        if selection is None:
            return []
        selection.add(logits, ratings, everything=selection.empty)
        return selection.result()

    def _points(self, size: tuple[int, int], per_side: int) -> Tensor:
        """P×2 float64 points of the grid, x and y in pixels as SAM sees the picture."""
        # In pixels of the picture first, as the generator does: the last digits of the scaled points depend on it.
        pixels = build_point_grid(per_side) * np.array(size)[::-1]
        scaled = pixels * (np.array(self._input_size(size)) / np.array(size))[::-1]
        return torch.as_tensor(scaled.copy(), device=self._sam.device)
