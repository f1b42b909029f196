"""Fixtures of the evaluation's tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import small_sets

from hybridgl_ros.evaluation.datasets.tabletop import TabletopDataset
from hybridgl_ros.evaluation.samples import Outcome

tabletop_zip = small_sets.tabletop_zip


@pytest.fixture
def tabletop(tabletop_zip) -> TabletopDataset:
    return TabletopDataset(tabletop_zip)


@pytest.fixture
def make_outcome() -> Callable[..., Outcome]:
    """An outcome with a target, half right, unless told otherwise."""

    def make(**changes: object) -> Outcome:
        values: dict[str, object] = {
            "id": "a",
            "image": "i",
            "expression": "the red cube",
            "tags": (),
            "has_target": True,
            "found": True,
            "score": 0.6,
            "similarity": 0.3,
            "margin": 0.1,
            "intersection": 50,
            "union": 100,
            "iou": 0.5,
            "ceiling": 0.9,
            "clip_iou": 0.1,
            "chosen": 2,
            "n_proposals": 7,
            "target_area": 0.02,
            "parse": {"relation": "left", "position": "none", "others": ("the ball",)},
            "timings": {"proposals": 0.25},
        }
        return Outcome(**(values | changes))

    return make
