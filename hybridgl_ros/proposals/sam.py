"""Proposals by SAM's automatic mask generation over a point grid."""

from __future__ import annotations

import numpy as np
import torch
from segment_anything import SamAutomaticMaskGenerator
from segment_anything.modeling import Sam

from hybridgl_ros.proposals.masks import proposals_from_masks
from hybridgl_ros.settings import ProposalSettings
from hybridgl_ros.types import Proposals


class SamProposals:
    """A loaded SAM of any size."""

    def __init__(self, sam: Sam, dtype: torch.dtype = torch.float32) -> None:
        self._sam = sam
        self._dtype = dtype

    def generate(self, image: np.ndarray, settings: ProposalSettings) -> Proposals:
        """See `ProposalGenerator`."""
        generator = SamAutomaticMaskGenerator(
            self._sam,
            points_per_side=settings.points_per_side,
            points_per_batch=settings.points_per_batch,
            pred_iou_thresh=settings.predicted_iou_threshold,
            stability_score_thresh=settings.stability_threshold,
            box_nms_thresh=settings.nms_threshold,
            crop_n_layers=0,
            min_mask_region_area=settings.minimum_region_area,
        )
        mixed = self._dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self._sam.device.type, dtype=self._dtype, enabled=mixed):
            found = generator.generate(image)
        masks = [entry["segmentation"] for entry in found]
        return proposals_from_masks(
            np.stack(masks) if masks else np.zeros((0, *image.shape[:2]), bool),
            np.array([entry["predicted_iou"] for entry in found]),
            np.array([entry["stability_score"] for entry in found]),
        )
