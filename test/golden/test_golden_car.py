"""CLIP as RNN gives what its published code gave on the seeded CLIP: maps, scores, probabilities and masks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from check import build_clip

from hybridgl_ros.config import load_config
from hybridgl_ros.evaluation.methods._crf import without_mean
from hybridgl_ros.evaluation.methods._values import values_for
from hybridgl_ros.evaluation.methods.car import CarValues, ClipAsRnn, merged
from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.language.pipeline import load_pipeline
from hybridgl_ros.language.rules import load_rules
from hybridgl_ros.segmenter import ReferringSegmenter

GOLDEN = Path(__file__).parent
TOLERANCE = 1e-3
STRIDE = 4
TEMPLATES = ("a clean origami {}.", "a photo of {}.")
CASES = [
    # The first round sees nothing, the second one does.
    (0, ["kitten"], {}),
    # The second round sees nothing and keeps the first one's map.
    (1, ["the ear of the tabby"], {}),
    # One of four texts is left out.
    (2, ["nose", "kitten", "a face", "cushion"], {"classifier_templates": TEMPLATES, "score_threshold": 0.228}),
]


@pytest.fixture(scope="module")
def scene():
    return np.load(GOLDEN / "cat_small.npz", allow_pickle=False)


@pytest.fixture(scope="module")
def segmenter(scene):
    parser = ExpressionParser(load_pipeline(), load_rules("paper"))
    clip = build_clip(json.loads(str(scene["arch"])))
    return ReferringSegmenter(load_config("embedded", preset="paper"), None, clip, parser)


@pytest.mark.parametrize(("number", "texts", "changes"), CASES)
def test_rounds_probabilities_and_mask_are_the_published_ones(number, texts, changes, scene, segmenter):
    recorded = np.load(GOLDEN / "systems/car_small.npz", allow_pickle=False)
    encoded = ClipAsRnn(segmenter, replace(values_for("car", CarValues), **changes)).encode(scene["image"])
    rounds = encoded.rounds(texts)
    assert len(rounds) == recorded[f"stages_{number}"]
    wanted = np.zeros(0)
    for place, entry in enumerate(rounds):
        assert entry.scores == pytest.approx(recorded[f"scores_{number}_{place}"], abs=TOLERANCE)
        published = recorded[f"maps_{number}_{place}"]
        # The published code goes back to the maps of the round before only after the round.
        wanted = published if published.any() or not place else wanted
        assert np.abs(entry.maps[:, ::STRIDE, ::STRIDE] - wanted).max() < TOLERANCE
    last = rounds[-1]
    # Mean field multiplies differences, so that it starts from the published maps here and from ours below.
    size = scene["image"].shape[1::-1]
    refined = np.stack([encoded._crf.refine(cv2.resize(small, size)) for small in recorded[f"small_{number}"]])
    assert np.abs(refined[:, ::STRIDE, ::STRIDE] - recorded[f"probability_{number}"][:, 1]).max() < TOLERANCE
    mask, score = encoded.segment(texts)
    shown = without_mean(scene["image"], values_for("car", CarValues).crf["mean"])
    assert (shown[:: 2 * STRIDE, :: 2 * STRIDE] == recorded["crf_image"]).all()
    width = scene["image"].shape[1]
    wanted = np.unpackbits(recorded[f"merged_{number}"], axis=-1, count=width).astype(bool)
    assert (mask != wanted).mean() < TOLERANCE
    assert score == pytest.approx(recorded[f"final_scores_{number}"].max(), abs=TOLERANCE)
    assert (merged(encoded.masks(last.maps), last.scores, 0.05) == mask).all()
