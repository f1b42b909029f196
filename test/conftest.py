"""Fixtures shared by all tests: a tiny random CLIP and a segmenter that brings its own masks."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
import yaml
from hypothesis import settings

from hybridgl_ros import cli
from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.config import load_config
from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.language.pipeline import load_pipeline
from hybridgl_ros.language.rules import load_rules
from hybridgl_ros.models.loading import ClipModel
from hybridgl_ros.models.precision import hold_in
from hybridgl_ros.proposals import proposals_from_masks
from hybridgl_ros.segmenter import ReferringSegmenter

os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
# What the user calibrated must not decide what the tests see.
os.environ["HYBRIDGL_CALIBRATIONS"] = os.devnull
torch.set_num_threads(1)
# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Without ROS the library must still be testable.
collect_ignore_glob = [] if importlib.util.find_spec("rclpy") else ["ros/*"]


class FixedProposals:
    """Proposes the same masks for every image."""

    def __init__(self, masks: np.ndarray) -> None:
        self.masks = masks

    def generate(self, image, settings, progress=None):
        return proposals_from_masks(self.masks)


@pytest.fixture
def register(tmp_path, monkeypatch):
    """register(name, kind, architecture, weights file) makes it known, by the checksum it has now."""
    entries: dict[str, dict] = {}

    def add(name: str, kind: str, architecture: str, path: Path) -> None:
        entries[name] = {
            "kind": kind,
            "architecture": architecture,
            "file": str(path),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        (tmp_path / "registry.yaml").write_text(yaml.safe_dump(entries))
        monkeypatch.setenv("HYBRIDGL_REGISTRY", str(tmp_path / "registry.yaml"))

    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path / "cache"))
    return add


@pytest.fixture(scope="session")
def tiny_clip() -> ClipEncoder:
    """A random CLIP of 12 blocks with 2×2 image tokens."""
    torch.manual_seed(0)
    model = open_clip.CLIP(
        embed_dim=16,
        quick_gelu=True,
        vision_cfg={"image_size": 32, "layers": 12, "width": 16, "head_width": 8, "patch_size": 16},
        text_cfg={"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    ).eval()
    return ClipEncoder(ClipModel.of(model))


@pytest.fixture(scope="session", params=[torch.bfloat16, torch.float16])
def half_clip(request, tiny_clip) -> ClipEncoder:
    """The same with an image tower that multiplies in half precision."""
    model = deepcopy(tiny_clip.model)
    hold_in(request.param, model.visual)
    return ClipEncoder(ClipModel.of(model))


@pytest.fixture
def hybridgl(monkeypatch, capsys):
    """The command: hybridgl(arguments) → exit code, output, errors."""

    def call(*arguments: object):
        monkeypatch.setattr(sys, "argv", ["hybridgl", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = capsys.readouterr()
        return caught.value.code or 0, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def pipeline():
    return load_pipeline()


@pytest.fixture(scope="session")
def paper_parser(pipeline) -> ExpressionParser:
    return ExpressionParser(pipeline, load_rules("paper"))


@pytest.fixture
def make_segmenter(tiny_clip, pipeline):
    """A segmenter over given masks: make_segmenter(masks, preset=…, **{"dotted.setting": value})."""

    def make(masks: np.ndarray, preset: str = "paper", **overrides) -> ReferringSegmenter:
        config = load_config("embedded", preset=preset, overrides={"guidance.map_size": 64, **overrides})
        parser = ExpressionParser(pipeline, load_rules(config.text.rules))
        return ReferringSegmenter(config, FixedProposals(masks), tiny_clip, parser)

    return make


@pytest.fixture
def picture() -> np.ndarray:
    """A 40×60 RGB picture of noise."""
    return np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def four_masks() -> np.ndarray:
    """Left, right, a big and a small one inside the big one, 4×40×60."""
    masks = np.zeros((4, 40, 60), bool)
    masks[0, 15:25, 2:12] = True
    masks[1, 15:25, 48:58] = True
    masks[2, 5:35, 15:45] = True
    masks[3, 18:22, 28:32] = True
    return masks
