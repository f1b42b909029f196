from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hybridgl_ros.evaluation import metrics
from hybridgl_ros.evaluation.metrics import Estimate
from hybridgl_ros.evaluation.samples import Outcome

MASKS = arrays(bool, (5, 6))


def targets(make_outcome, pairs):
    return [
        make_outcome(intersection=inside, union=union, iou=metrics.iou(inside, union), ceiling=1.0)
        for inside, union in pairs
    ]


@settings(max_examples=50)
@given(MASKS, MASKS)
def test_iou_is_symmetric_between_0_and_1_and_1_for_itself(first, second):
    value = metrics.iou(*metrics.overlap(first, second))
    assert value == metrics.iou(*metrics.overlap(second, first))
    assert 0 <= value <= 1
    assert metrics.iou(*metrics.overlap(first, first)) == (1.0 if first.any() else 0.0)


@settings(max_examples=50)
@given(arrays(bool, (4, 5, 6)), MASKS)
def test_the_ious_of_all_proposals_are_those_of_each(masks, truth):
    one_by_one = [metrics.iou(*metrics.overlap(mask, truth)) for mask in masks]
    assert metrics.mask_ious(masks, truth).tolist() == pytest.approx(one_by_one)


def test_no_proposals_have_no_ious():
    assert metrics.mask_ious(np.zeros((0, 5, 6), bool), np.ones((5, 6), bool)).shape == (0,)


def test_masks_of_unequal_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(5, 6\) and \(6, 5\)"):
        metrics.overlap(np.zeros((5, 6), bool), np.zeros((6, 5), bool))


def test_oiou_weighs_by_area_and_miou_does_not(make_outcome):
    summary = metrics.summarise(targets(make_outcome, [(90, 100), (1, 10), (0, 0), (7, 10)]))
    assert summary.oiou.value == pytest.approx(98 / 120)
    assert summary.miou.value == pytest.approx((0.9 + 0.1 + 0 + 0.7) / 4)
    assert summary.precision_50.value == 0.5
    assert summary.precision_70.value == 0.5
    assert summary.precision_90.value == 0.25
    assert summary.ceiling.value == 1.0


def test_samples_without_a_target_do_not_enter_the_ious(make_outcome):
    found = targets(make_outcome, [(3, 10), (9, 10)])
    none = [make_outcome(has_target=False, iou=None, ceiling=None, clip_iou=None, union=1000)] * 3
    alone, mixed = metrics.summarise(found), metrics.summarise(found + none)
    assert (mixed.oiou, mixed.miou, mixed.precision_50) == (alone.oiou, alone.miou, alone.precision_50)
    assert (mixed.samples, mixed.with_target) == (5, 2)


def test_without_both_kinds_of_samples_detection_is_unknown(make_outcome):
    summary = metrics.summarise(targets(make_outcome, [(3, 10), (9, 10)]))
    for estimate in (summary.f1, summary.auroc_score, summary.auroc_similarity, summary.auroc_margin):
        assert np.isnan([estimate.value, estimate.low, estimate.high]).all()


def test_nothing_to_summarise_gives_nan():
    summary = metrics.summarise([])
    assert summary.samples == 0
    assert all(math.isnan(value) for name, value in summary.row().items() if name not in ("samples", "with_target"))


def test_auroc_by_hand():
    positive = np.array([True, True, True, False, False])
    confidence = np.array([0.9, 0.5, -np.inf, 0.5, 0.1])
    # Of the six pairs: 0.9 wins 2; 0.5 ties one and wins one; −inf loses 2.
    assert metrics.auroc(positive, confidence).tolist() == [pytest.approx(3.5 / 6)]


def test_auroc_without_one_class_is_unknown():
    assert np.isnan(metrics.auroc(np.ones(3, bool), np.arange(3.0))).all()


@settings(max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=12))
def test_auroc_is_the_share_of_ordered_pairs(rows):
    positive, confidence, weights = (np.array(column) for column in zip(*rows, strict=True))
    wins = total = 0.0
    for is_positive, high, times in rows:
        for is_negative, low, often in rows:
            if is_positive and not is_negative:
                total += times * often
                wins += times * often * (high > low) + times * often * (high == low) / 2
    value = metrics.auroc(positive.astype(bool), confidence.astype(float), weights[None].astype(float))[0]
    assert math.isnan(value) if total == 0 else value == pytest.approx(wins / total)


def test_f1_by_hand(make_outcome):
    rows = [(True, True), (True, True), (True, False), (False, True), (False, False)]
    outcomes = [make_outcome(has_target=target, found=found) for target, found in rows]
    assert metrics.summarise(outcomes).f1.value == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))


def test_t_acc_and_n_acc_by_hand(make_outcome):
    rows = [(True, True), (True, True), (True, False), (True, True), (False, True), (False, False)]
    outcomes = [make_outcome(has_target=target, found=found) for target, found in rows]
    summary = metrics.summarise(outcomes)
    assert (summary.t_acc.value, summary.n_acc.value) == (0.75, 0.5)
    assert 0 <= summary.n_acc.low <= summary.n_acc.high <= 1
    present = metrics.summarise(outcomes[:4])
    assert present.t_acc.value == 0.75 and math.isnan(present.n_acc.value)


def test_detection_ranks_images_without_proposals_lowest(make_outcome):
    outcomes = [make_outcome(score=0.2), make_outcome(has_target=False, score=None)]
    assert metrics.summarise(outcomes).auroc_score.value == 1.0


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=30))
def test_intervals_lie_among_the_values_and_one_seed_gives_one_interval(pairs):
    outcomes = [
        Outcome("a", "i", "e", (), True, True, 0.5, 0.5, 0.5, inside, inside + rest,
                metrics.iou(inside, inside + rest), 1.0, 0.0, 0, 1, 0.1)
        for inside, rest in pairs
    ]  # fmt: skip
    summary = metrics.summarise(outcomes, resamples=50)
    ious = [outcome.iou for outcome in outcomes]
    assert min(ious) - 1e-12 <= summary.miou.low <= summary.miou.high <= max(ious) + 1e-12
    assert summary.ceiling == Estimate(1.0, 1.0, 1.0)
    assert summary.row() == pytest.approx(metrics.summarise(outcomes, resamples=50).row(), nan_ok=True)


def test_the_bootstrap_interval_of_a_mean_is_that_of_theory(make_outcome):
    values = np.random.default_rng(1).uniform(0, 1, 400)
    outcomes = [make_outcome(iou=value, intersection=1, union=2) for value in values]
    miou = metrics.summarise(outcomes, resamples=4000).miou
    deviation = values.std() / math.sqrt(len(values))
    assert miou.value == pytest.approx(values.mean())
    assert miou.low == pytest.approx(values.mean() - 1.96 * deviation, abs=0.1 * deviation)
    assert miou.high == pytest.approx(values.mean() + 1.96 * deviation, abs=0.1 * deviation)


def test_mean_timings_take_only_who_ran_the_stage(make_outcome):
    outcomes = [make_outcome(timings={"sam": 2.0, "text": 1.0}), make_outcome(timings={"text": 3.0})]
    assert metrics.mean_timings(outcomes) == {"sam": 2.0, "text": 2.0}


def test_generalised_figures_count_refusals(make_outcome):
    """gIoU and cIoU as GRES defines them, on samples worked out by hand."""
    right = make_outcome(id="a", intersection=30, union=40, iou=0.75)
    refused = make_outcome(id="b", found=False, intersection=0, union=20, iou=0.0)
    none = {"has_target": False, "iou": None, "ceiling": None, "clip_iou": None, "intersection": 0}
    told = make_outcome(id="c", found=False, union=0, **none)
    false = make_outcome(id="d", found=True, union=60, **none)
    summary = metrics.summarise([right, refused, told, false])
    assert summary.giou.value == pytest.approx((0.75 + 0 + 1 + 0) / 4)
    assert summary.ciou.value == pytest.approx(30 / (40 + 20 + 60))
    assert (summary.n_acc.value, summary.t_acc.value) == (0.5, 0.5)
    only = metrics.summarise([right, refused])
    assert (only.giou, only.ciou) == (only.miou, only.oiou)
