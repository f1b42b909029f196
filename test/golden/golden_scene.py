"""What the golden tests of the methods share: the cat's scene, the seeded CLIP, and a segmenter of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from check import build_clip

from hybridgl_ros.config import load_config
from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.language.pipeline import load_pipeline
from hybridgl_ros.language.rules import load_rules
from hybridgl_ros.proposals import proposals_from_masks
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.types import Scene

GOLDEN = Path(__file__).parent
TOLERANCE = 1e-3


def recorded(name: str) -> Any:
    """The entries of a golden file, e.g. `cat_small`, or `systems/tas_small`."""
    return np.load(GOLDEN / f"{name}.npz", allow_pickle=False)


def seeded_segmenter() -> ReferringSegmenter:
    """A segmenter with the seeded CLIP, and with nothing that proposes masks."""
    parser = ExpressionParser(load_pipeline(), load_rules("paper"))
    clip = build_clip(json.loads(str(recorded("cat_small")["arch"])))
    return ReferringSegmenter(load_config("embedded", preset="paper"), None, clip, parser)


def cat() -> Scene:
    """The cat with its sixteen masks."""
    entries = recorded("cat_small")
    image = entries["image"]
    masks = np.unpackbits(entries["masks"], axis=-1, count=image.shape[1]).astype(bool)
    return Scene(image, proposals_from_masks(masks), torch.zeros(len(masks), 0), None, (0, 0))


def furthest(got: Any, wanted: Any) -> float:
    """The largest absolute difference."""
    return float(np.abs(np.asarray(got) - np.asarray(wanted)).max())
