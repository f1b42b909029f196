"""The whole path on the shipped models and held-out scenes: real masks, real language, real ground truth."""

from __future__ import annotations

import numpy as np
import pytest

from hybridgl_ros.evaluation.metrics import mask_ious
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path

SCENES = 12


@pytest.fixture(scope="module")
def segmenter() -> ReferringSegmenter:
    return ReferringSegmenter.from_config("embedded", preset="paper", device="cpu")


@pytest.fixture(scope="module")
def encoded(segmenter):
    heldout = TabletopSet(heldout_path())
    return [(scene, segmenter.encode(scene.image)) for scene in (heldout[i] for i in range(SCENES))]


def mean_iou(segmenter, encoded, kinds) -> float:
    values = [
        mask_ious(segmenter.refer(found, expression.text).mask[None], scene.mask(expression.instance))[0]
        for scene, found in encoded
        for expression in scene.expressions
        if expression.kind in kinds
    ]
    assert len(values) >= SCENES
    return float(np.mean(values))


def test_objects_are_proposed(encoded):
    best = [
        mask_ious(found.proposals.masks, scene.mask(item.instance)).max()
        for scene, found in encoded
        for item in scene.objects
    ]
    assert np.mean(best) > 0.8


def test_plain_descriptions_are_found(segmenter, encoded):
    assert mean_iou(segmenter, encoded, {"colour_shape"}) > 0.7


def test_relations_and_positions_are_found_far_above_chance(segmenter, encoded):
    assert mean_iou(segmenter, encoded, {"relation", "position"}) > 0.5


def test_guidance_and_relations_help_where_an_expression_needs_them(segmenter, encoded):
    switched_off = ReferringSegmenter.from_config(
        "embedded",
        preset="paper",
        device="cpu",
        overrides={"relations.enabled": False, "guidance.coherence": False, "guidance.position": False},
    )
    kinds = {"relation", "position"}
    assert mean_iou(segmenter, encoded, kinds) > mean_iou(switched_off, encoded, kinds)


def test_another_expression_on_a_scene_passes_no_picture(segmenter, encoded, monkeypatch):
    _, found = encoded[0]

    def forbidden(*_):
        raise AssertionError("an image pass")

    monkeypatch.setattr(segmenter.clip.visual.conv1, "forward", forbidden)
    assert segmenter.refer(found, "the red mug next to nothing in particular").candidates
