"""The query's way through the segmenter: shapes of answers, what is refused, and what a scene remembers."""

from __future__ import annotations

import numpy as np
import pytest

from hybridgl_ros.clip.text import TextEncoder
from hybridgl_ros.config import replace
from hybridgl_ros.errors import ExpressionError, ImageError
from hybridgl_ros.language.query import Count, Phrase, Query, Rank, Reading

LEFTMOST = Query(Phrase("object"), (Rank("x", "left"),))


@pytest.fixture
def segmenter(make_segmenter, four_masks):
    return make_segmenter(four_masks, "robot", **{"decision.calibrated": False})


@pytest.mark.parametrize(
    "expression",
    [
        "the red mug",
        "the second mug from the left",
        "both mugs",
        "all plates",
        "the mug that is not red",
        "der Becher",
        LEFTMOST,
    ],
    ids=str,
)
def test_every_expression_has_an_answer(segmenter, picture, expression):
    answer = segmenter.refer(segmenter.encode(picture), expression)
    scores = [entry.score for entry in answer.candidates]
    assert answer.found and answer.query is not None
    assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)
    assert answer.mask.any() and np.array_equal(answer.mask, np.any([entry.mask for entry in answer.objects], axis=0))
    assert all(len(clause.probabilities) == len(answer.candidates) for clause in answer.clauses)
    product = np.prod([clause.probabilities for clause in answer.clauses], axis=0)
    assert np.all(np.diff(product) <= 1e-6)
    assert answer.localisation is None and answer.guidance is None


def test_a_query_of_your_own_is_executed(segmenter, picture, four_masks):
    answer = segmenter.refer(segmenter.encode(picture), LEFTMOST)
    assert np.array_equal(answer.mask, four_masks[0]) and answer.query == LEFTMOST
    assert answer.parse.text == str(LEFTMOST)
    reading = Reading("the first thing", (LEFTMOST,), notes=("by hand",))
    again = segmenter.refer(segmenter.encode(picture), reading)
    assert again.parse.text == "the first thing" and "by hand" in again.notes


def test_several_referents_have_a_common_box(segmenter, picture):
    every = Query(Phrase("object"), (), Count("exact", 2))
    answer = segmenter.refer(segmenter.encode(picture), every)
    assert len(answer.objects) == 2
    rows, columns = np.nonzero(answer.mask)
    x, y, width, height = answer.box
    assert (x, y) == (columns.min(), rows.min()) and (x + width, y + height) == (columns.max(), rows.max())


def test_weights_without_calibration_say_so_once(segmenter, picture):
    answer = segmenter.refer(segmenter.encode(picture), "the mug")
    assert sum("not calibrated" in note for note in answer.notes) == 1


def test_what_is_refused_says_which_clause_failed(make_segmenter, four_masks, picture):
    segmenter = make_segmenter(
        four_masks, "robot", **{"decision.calibrated": True, "decision.threshold": 0.3, "objects.largest": 0.9}
    )
    fifth = Query(Phrase("object"), (Rank("x", "left", 9),))
    answer = segmenter.refer(segmenter.encode(picture), fifth)
    assert not answer.found and not answer.mask.any() and answer.objects == () and answer.box is None
    assert answer.reason.startswith("there is an object, but none that is the 9th from the left")
    assert answer.candidates


def test_no_proposals_is_an_answer(make_segmenter, picture):
    segmenter = make_segmenter(np.zeros((0, 40, 60), bool), "robot")
    answer = segmenter.refer(segmenter.encode(picture), "the mug left of the plate")
    assert not answer.found and not answer.candidates and "nothing found" in answer.reason
    assert answer.query is not None


def test_only_background_is_an_answer(make_segmenter, picture):
    mask = np.ones((1, 40, 60), bool)
    mask[0, 0, 0] = False
    segmenter = make_segmenter(mask, "robot")
    answer = segmenter.refer(segmenter.encode(picture), "the mug")
    assert not answer.found and not answer.candidates and answer.reason


@pytest.mark.parametrize("preset", ["robot", "paper"])
def test_blank_expressions_are_refused(make_segmenter, four_masks, picture, preset):
    segmenter = make_segmenter(four_masks, preset)
    with pytest.raises(ExpressionError, match="empty"):
        segmenter.refer(segmenter.encode(picture), " ")


def test_the_papers_way_reads_texts_only(make_segmenter, four_masks, picture):
    segmenter = make_segmenter(four_masks, "paper")
    with pytest.raises(ExpressionError, match="needs scoring.method query"):
        segmenter.refer(segmenter.encode(picture), LEFTMOST)


def test_the_method_is_a_setting(segmenter, picture):
    scene = segmenter.encode(picture)
    other = segmenter.with_config(replace(segmenter.config, {"scoring.method": "fusion"}))
    assert other.refer(scene, "the mug").query is None
    assert segmenter.refer(scene, "the mug").query is not None


def test_depth_ranks_what_is_near(segmenter, picture, four_masks):
    depth = np.full(picture.shape[:2], 1.0, np.float32)
    depth[four_masks[1]] = 0.5
    nearest = Query(Phrase("object"), (Rank("depth", "near"),))
    matrix = np.array([[60.0, 0, 30], [0, 60.0, 20], [0, 0, 1]])
    scene = segmenter.encode(picture, depth=depth, intrinsics=matrix)
    assert np.array_equal(segmenter.refer(scene, nearest).mask, four_masks[1])
    assert not any("no depth" in note for note in segmenter.refer(scene, nearest).notes)
    assert any("no depth" in note for note in segmenter.refer(segmenter.encode(picture), nearest).notes)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"depth": np.zeros((3, 4), np.float32)}, "40 × 60 metres of depth"),
        ({"depth": np.zeros((40, 60), np.uint16)}, "as floats, got uint16"),
        ({"intrinsics": np.eye(4)}, "3 × 3 pinhole matrix"),
        ({"intrinsics": np.diag([0.0, 1, 1])}, "positive focal lengths"),
        ({"intrinsics": np.full((3, 3), np.nan)}, "3 × 3 pinhole matrix"),
    ],
)
def test_bad_depth_is_refused(segmenter, picture, given, message):
    with pytest.raises(ImageError, match=message):
        segmenter.encode(picture, **given)


def test_depth_that_is_not_known_is_nan(segmenter, picture):
    depth = np.full(picture.shape[:2], np.inf)
    depth[0, :3] = 0, -1, 2
    found = segmenter.encode(picture, depth=depth).depth
    assert found.dtype == np.float32 and np.isfinite(found).sum() == 1


def test_lying_on_what_everything_lies_on_tells_nothing(segmenter, picture, monkeypatch):
    known = TextEncoder.knows
    monkeypatch.setattr(TextEncoder, "knows", lambda self, text: text != "tray" and known(self, text))
    scene = segmenter.encode(picture)
    answer = segmenter.refer(scene, "the cube on the tray")
    assert not answer.query.clauses and any("where everything is" in note for note in answer.notes)
    assert segmenter.refer(scene, "the cube next to the tray").query.clauses
    assert segmenter.refer(scene, "the cube on the red tray").query.clauses == ()
