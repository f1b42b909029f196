"""Small scenes of rectangles to run the operators on."""

from __future__ import annotations

import numpy as np
import pytest

from hybridgl_ros.config import load_config
from hybridgl_ros.grounding.geometry import Geometry, measure

HEIGHT, WIDTH = 60, 80


def rectangles(boxes) -> np.ndarray:
    """N×60×80 masks of boxes left, top, right, bottom."""
    masks = np.zeros((len(boxes), HEIGHT, WIDTH), bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return masks


@pytest.fixture(scope="session")
def masks_of():
    return rectangles


@pytest.fixture(scope="session")
def config():
    plain = {"decision.calibrated": False, "decision.temperature": 1.0, "decision.bias": 0.0}
    return load_config("embedded", preset="robot", overrides=plain)


@pytest.fixture(scope="session")
def geometry_of(config):
    """geometry_of(boxes, distances=None) → Geometry; with distances there are depth and intrinsics."""

    def make(boxes, distances=None) -> Geometry:
        masks = rectangles(boxes)
        if distances is None:
            return measure(masks, None, None, config.objects)
        depth = np.full((HEIGHT, WIDTH), np.nan, np.float32)
        for mask, distance in zip(masks, distances, strict=True):
            depth[mask] = distance
        intrinsics = np.array([[100.0, 0, 39.5], [0, 100.0, 29.5], [0, 0, 1]])
        return measure(masks, depth, intrinsics, config.objects)

    return make
