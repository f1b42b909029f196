"""A shortlist describes few proposals, remembers them, and answers as all of them would when it is long enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hybridgl_ros import segmenter as segmenter_module
from hybridgl_ros.cascade import rough_features
from hybridgl_ros.clip.fusion import region_features
from hybridgl_ros.errors import StoppedError

EXPRESSIONS = ["the red mug", "the mug on the left", "the mug left of the plate"]


@pytest.mark.parametrize("preset", ["paper", "official", "robot"])
def test_a_shortlist_of_all_answers_the_same(make_segmenter, picture, four_masks, preset):
    every = make_segmenter(four_masks, preset)
    short = make_segmenter(four_masks, preset, **{"features.shortlist": 4})
    scene, rough = every.encode(picture), short.encode(picture)
    for expression in EXPRESSIONS:
        expected, found = every.refer(scene, expression), short.refer(rough, expression)
        assert [entry.index for entry in found.candidates] == [entry.index for entry in expected.candidates]
        assert found.score == pytest.approx(expected.score, abs=1e-5)


@pytest.mark.parametrize("preset", ["paper", "robot"])
def test_only_what_is_shortlisted_is_described_and_only_once(make_segmenter, picture, four_masks, preset, monkeypatch):
    described = []

    def counting(clip, image, masks, settings, progress):
        described.extend(masks)
        return exact(clip, image, masks, settings, progress)

    exact = segmenter_module.region_features
    monkeypatch.setattr(segmenter_module, "region_features", counting)
    segmenter = make_segmenter(four_masks, preset, **{"features.shortlist": 1})
    scene = segmenter.encode(picture)
    assert not described
    answer = segmenter.refer(scene, "the red mug")
    best = answer.candidates[0]
    assert np.array_equal(best.mask, four_masks[best.index])
    assert len(answer.candidates) > len(described) > 0 and any(np.array_equal(mask, best.mask) for mask in described)
    count = len(described)
    again = segmenter.refer(scene, ["the red mug", "the red mug"])
    assert len(described) == count and [entry.score for entry in again] == [answer.score] * 2


def test_nothing_proposed_is_an_answer(make_segmenter, picture):
    segmenter = make_segmenter(np.zeros((0, 40, 60), bool), **{"features.shortlist": 2})
    assert "nothing found" in segmenter.refer(segmenter.encode(picture), "the mug").reason


@pytest.mark.parametrize("preset", ["paper", "robot"])
def test_progress_tells_what_is_described_and_a_stopped_expression_can_be_asked_again(
    make_segmenter, picture, four_masks, preset
):
    segmenter = make_segmenter(four_masks, preset, **{"features.shortlist": 4, "features.batch_size": 2})
    scene = segmenter.encode(picture)

    def stop(stage: str) -> None:
        raise StoppedError("nobody waits any more")

    with pytest.raises(StoppedError):
        segmenter.refer(scene, "the red mug", stop)
    told: list[str] = []
    segmenter.refer(scene, "the red mug", told.append)
    assert told == ["features", "features", "parse", "scoring"]


def test_rough_features_are_those_of_a_masked_class_token(make_segmenter, picture, four_masks):
    """Where only the last block sees the masks, they are G(att_mask) of Table 3."""
    clip = make_segmenter(four_masks).clip
    settings = replace(make_segmenter(four_masks).config.features, mode="G(att_mask)", start_block=len(clip.blocks) - 1)
    expected = region_features(clip, picture, four_masks, settings)
    torch.testing.assert_close(rough_features(clip, picture, four_masks, settings), expected, rtol=1e-4, atol=1e-5)
