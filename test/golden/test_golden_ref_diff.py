"""Ref-Diff gives what its published code gave on the seeded CLIP: features, words, the map of the attention, scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from golden_scene import TOLERANCE, cat, furthest, recorded, seeded_segmenter

from hybridgl_ros.evaluation.methods._attention_maps import over_image
from hybridgl_ros.evaluation.methods._values import values_for
from hybridgl_ros.evaluation.methods.ref_diff import EncodedRefDiff, RefDiff, RefDiffValues, side_of, subject_of
from hybridgl_ros.spatial.guidance import guidance_scores

TEXTS = ["the cat on the left", "bright ear of the animal", "a cushion that the kitten lies on"]
STRIDE = 2


@pytest.fixture(scope="module")
def published():
    return recorded("systems/ref_diff_small")


@pytest.fixture(scope="module")
def encoded():
    """The cat without a diffusion model. The pictures of the golden files are small, so are their least proposals."""
    values = replace(values_for("ref-diff", RefDiffValues), least_pixels=1500)
    return EncodedRefDiff(RefDiff(seeded_segmenter(), None, None, values), cat())


def test_proposals_that_can_be_the_answer(encoded, published):
    assert (encoded.eligible() == published["filtered"].astype(bool)).all()


def test_features_in_place(encoded, published):
    assert furthest(encoded._placed, published["soft"]) < TOLERANCE


@pytest.mark.parametrize("number", range(3))
def test_words_features_and_scores(number, encoded, published, monkeypatch):
    text = TEXTS[number]
    segmenter = encoded._method.segmenter
    subject, token = subject_of(text, segmenter.parser.pipeline, segmenter.clip)
    assert (subject, token) == (str(published[f"subject_{number}"]), int(published[f"index_{number}"]))
    assert furthest(encoded._cropped(side_of(text)), published[f"hard_{number}"]) < TOLERANCE
    attention = over_image(published[f"heat_{number}"].mean(axis=0, dtype=np.float64), cat().size)
    assert furthest(attention[::STRIDE, ::STRIDE], published[f"attention_{number}"]) < TOLERANCE
    monkeypatch.setattr(encoded, "attention", lambda sentence, token: attention)
    parts = encoded.parts(text)
    assert furthest(parts.cropped, published[f"score_hard_{number}"]) < TOLERANCE
    assert furthest(parts.placed, published[f"score_soft_{number}"]) < TOLERANCE
    assert furthest(parts.diffusion, published[f"score_diffusion_{number}"]) < TOLERANCE
    # The code multiplies the others by 0, which is more than a score below 0; here they cannot be the answer.
    scores = published[f"score_{number}"][encoded.eligible()]
    answer = encoded.refer(text)
    assert [entry.score for entry in answer.candidates] == pytest.approx(sorted(scores)[::-1], abs=TOLERANCE)


def test_the_score_of_a_map_is_its_contrast(encoded, published):
    attention = over_image(published["heat_0"].mean(axis=0, dtype=np.float64), cat().size)
    masks = encoded.proposals.masks
    contrast = [attention[mask].mean() - attention[~mask].mean() for mask in masks]
    got = guidance_scores(torch.from_numpy(attention), torch.from_numpy(masks), 1.0, 1.0)
    assert furthest(got, contrast) < TOLERANCE
