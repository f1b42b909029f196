"""What a score is worth, checked against plain counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.evaluation import metrics
from hybridgl_ros.evaluation.breakdown import ABSENT, breakdown
from hybridgl_ros.evaluation.confidence import calibration_error, is_right, keeping_levels, refused
from hybridgl_ros.grounding.calibration import keeping_threshold, reliability

SCORED = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=12)


@given(SCORED, st.sampled_from([0.5, 0.8, 0.95, 1.0]))
def test_resampled_thresholds_are_those_of_the_repeated_samples(rows, share):
    positive, score, times = (np.array(column) for column in zip(*rows, strict=True))
    positive, score = positive.astype(bool), score / 6
    present = np.repeat(score[positive], times[positive])
    absent = np.repeat(score[~positive], times[~positive])
    weights = times[None].astype(float)
    level = keeping_levels(positive, score, share, weights)[0]
    value = refused(positive, score, share, weights)[0]
    assert math.isnan(level) if not len(present) else level == keeping_threshold(present, share)
    if len(present) and len(absent):
        assert value == pytest.approx((absent < level).mean())
    else:
        assert math.isnan(value)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 3)), min_size=1, max_size=20))
def test_the_calibration_error_is_that_of_the_reliability_curve(rows):
    score, right, times = (np.array(column) for column in zip(*rows, strict=True))
    value = calibration_error(score, right.astype(bool), 10, times[None].astype(float))[0]
    if not times.sum():
        assert math.isnan(value)
    else:
        assert value == pytest.approx(reliability(np.repeat(score, times), np.repeat(right, times)).error)


def test_scores_that_are_no_probabilities_have_no_calibration_error():
    assert math.isnan(calibration_error(np.array([0.5, 1.5]), np.array([True, False]), 10, np.ones((1, 2)))[0])


@pytest.mark.parametrize(
    ("changes", "right"),
    [
        ({"iou": 0.5}, True),
        ({"iou": 0.49}, False),
        ({"iou": 0.0, "found": False, "first_iou": 0.8}, True),
        ({"iou": 0.0, "found": False}, False),
        ({"has_target": False, "iou": None}, False),
    ],
)
def test_an_answer_is_right(make_outcome, changes, right):
    assert is_right(make_outcome(**changes)) is right


def test_figures_of_scores_by_hand(make_outcome):
    present = [make_outcome(id=str(i), score=0.4 + i / 100, iou=1.0) for i in range(20)]
    absent = [
        make_outcome(has_target=False, iou=None, score=score, tags=("absent", why))
        for score, why in [(0.1, "wrong noun"), (0.405, "wrong noun"), (0.45, "one clause false"), (0.9, "wrong noun")]
    ]
    summary = metrics.summarise([*present, *absent])
    assert summary.refused_95.value == 0.5
    assert summary.refused_95.low <= 0.5 <= summary.refused_95.high
    rows = {row.group: row for row in breakdown([*present, *absent]) if row.factor == ABSENT}
    assert rows["wrong noun"].refused_95 == pytest.approx(2 / 3)
    assert rows["one clause false"].refused_95 == 0
    assert rows["one clause false"].auroc_score == pytest.approx((14 + 0.5) / 20)
    assert math.isnan(metrics.summarise(present).refused_95.value)


def test_several_referents_are_told_apart(make_outcome):
    outcomes = [make_outcome(iou=1.0), make_outcome(iou=0.5), make_outcome(iou=0.2, tags=("plural",))]
    summary = metrics.summarise(outcomes)
    assert (summary.single_miou.value, summary.plural_miou.value) == (0.75, 0.2)
    assert math.isnan(metrics.summarise(outcomes[:2]).plural_miou.value)
