"""Proposals by automatic mask generation over a point grid, with any model that is SAM from the prompts on.

The steps are those of segment_anything's `SamAutomaticMaskGenerator` without crops (Kirillov et al., *Segment
Anything*, ICCV 2023), and so are the masks and their order; but only masks that can be in the result are brought to
the size of the image, one at a time, and they wait as bits of their boxes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from hybridgl_ros.memory import PIECE, check_room, room_on
from hybridgl_ros.models.parts import part_of
from hybridgl_ros.models.precision import multiplying_in, product_type
from hybridgl_ros.progress import Progress, unwatched
from hybridgl_ros.proposals.decoder import decode_points
from hybridgl_ros.proposals.encoder import embed_image
from hybridgl_ros.proposals.frame import Frame
from hybridgl_ros.proposals.masks import proposals_from_masks
from hybridgl_ros.proposals.selection import Found, Selection
from hybridgl_ros.settings import ProposalSettings
from hybridgl_ros.types import Proposals

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

build_point_grid = part_of("segment_anything", "utils.amg").build_point_grid
# Bytes a pixel of one mask: float logits and their three thresholds.
UPSCALED_MASK = 7


class SamProposals:
    """A loaded SAM, MobileSAM or SAM 2.1 of any size."""

    def __init__(self, sam: Sam) -> None:
        self._sam = sam
        self._frame = Frame.of(sam)

    def generate(self, image: np.ndarray, settings: ProposalSettings, progress: Progress = unwatched) -> Proposals:
        """See `ProposalGenerator`. Raises ImageError for a picture too narrow for SAM, or too big for memory."""
        with torch.inference_mode():
            progress("proposals")
            return self.propose(self.embed(image), (image.shape[0], image.shape[1]), settings, progress)

    def embed(self, image: np.ndarray) -> tuple[Tensor, ...]:
        """What the image encoder makes of a picture, float32: SAM's embedding 1×C×h×w, and the finer features of SAM 2.

        Raises ImageError for a picture too narrow for SAM.
        """
        pixels = self._frame.resized(image, self._sam.device)
        encoder = self._sam.image_encoder
        with torch.inference_mode(), multiplying_in(product_type(encoder), self._sam.device):
            found = embed_image(encoder, self._sam.preprocess(pixels))
        return tuple(part.float() for part in found)

    def propose(
        self,
        features: tuple[Tensor, ...],
        size: tuple[int, int],
        settings: ProposalSettings,
        progress: Progress = unwatched,
    ) -> Proposals:
        """The masks of a picture of (height, width) from what `embed` gave; errors and progress as in `generate`."""
        one_mask = UPSCALED_MASK * size[0] * size[1] + 8 * self._frame.side**2
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

    def _select(
        self, features: tuple[Tensor, ...], size: tuple[int, int], settings: ProposalSettings, progress: Progress
    ) -> list[Found]:
        """Decode the grid's points, and select as often as the decoder's logits fill a piece of memory."""
        selection: Selection | None = None
        logits: list[Tensor] = []
        ratings: list[float] = []
        points = self._frame.points(build_point_grid(settings.points_per_side), size, self._sam.device)
        for some in points.split(settings.points_per_batch):
            progress("proposals")
            for masks, scores in decode_points(self._sam, features, some, settings.predicted_iou_threshold):
                if selection is None:
                    shape = (masks.shape[1], masks.shape[2])
                    selection = Selection(self._frame.upscaling(shape, size), self._sam.mask_threshold, settings)
                if logits and len(logits) * masks[0].nbytes > PIECE:
                    selection.add(logits, ratings, everything=False)
                    logits, ratings = [], []
                logits += masks
                ratings += scores.tolist()
        if selection is None:
            return []
        selection.add(logits, ratings, everything=selection.empty)
        return selection.result()
