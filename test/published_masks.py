"""Proposals of segment_anything's own generator, for comparison."""

from __future__ import annotations

import numpy as np
from segment_anything import SamAutomaticMaskGenerator

from hybridgl_ros.config import load_config
from hybridgl_ros.proposals import proposals_from_masks

EVERYTHING = {"predicted_iou_threshold": 0.0, "stability_threshold": 0.0, "nms_threshold": 1.0}


def settings(**changes):
    overrides = {"points_per_side": 4, "nms": "box", **changes}
    return load_config(
        "embedded", overrides={f"proposals.{name}": value for name, value in overrides.items()}
    ).proposals


def generated(model, image, wanted, predictor=None):
    """What segment_anything's own generator makes of it, with a predictor of one's own."""
    generator = SamAutomaticMaskGenerator(
        model,
        points_per_side=wanted.points_per_side,
        points_per_batch=wanted.points_per_batch,
        pred_iou_thresh=wanted.predicted_iou_threshold,
        stability_score_thresh=wanted.stability_threshold,
        box_nms_thresh=wanted.nms_threshold,
        crop_n_layers=0,
        min_mask_region_area=wanted.minimum_region_area,
    )
    generator.predictor = predictor or generator.predictor
    found = generator.generate(image)
    masks = [entry["segmentation"] for entry in found]
    return proposals_from_masks(
        np.stack(masks) if masks else np.zeros((0, *image.shape[:2]), bool),
        np.array([entry["predicted_iou"] for entry in found]),
        np.array([entry["stability_score"] for entry in found]),
    )
