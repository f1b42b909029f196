"""Fits recover what made the data; curves and thresholds are exact on small sets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hybridgl_ros.grounding.calibration import (
    WordOdds,
    fit_calibration,
    fit_evidence,
    fit_words,
    keeping_threshold,
    logit_of_logs,
    reliability,
)
from hybridgl_ros.grounding.evidence import Evidence, logit_of


def sample(temperature: float, bias: float, count: int = 20000):
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 4, count)
    return odds, rng.random(count) < 1 / (1 + np.exp(-(temperature * odds + bias)))


@pytest.mark.parametrize(("temperature", "bias"), [(0.4, 1.0), (1.0, 0.0), (2.0, -1.5)])
def test_the_fit_finds_temperature_and_bias(temperature, bias):
    fitted = fit_calibration(*sample(temperature, bias))
    assert (fitted.temperature, fitted.bias) == pytest.approx((temperature, bias), abs=0.1)


def test_calibrated_scores_have_a_small_error():
    odds, right = sample(0.4, 1.0)
    fitted = fit_calibration(odds, right)
    scores = 1 / (1 + np.exp(-fitted.temperature * odds - fitted.bias))
    before = reliability(1 / (1 + np.exp(-odds)), right).error
    assert reliability(scores, right).error < 0.02 < before


def test_scores_that_say_the_opposite_count_for_nothing():
    odds, right = sample(1.0, 0.0, 500)
    assert fit_calibration(-odds, right).temperature == 0


def test_separable_scores_stay_finite():
    fitted = fit_calibration(np.array([-np.inf, -1.0, 1.0, np.inf]), np.array([False, False, True, True]))
    assert np.isfinite([fitted.temperature, fitted.bias, fitted.loss]).all()


def test_one_outcome_is_no_calibration():
    with pytest.raises(ValueError, match="right and examples that are wrong"):
        fit_calibration(np.zeros(3), np.ones(3, bool))


def test_the_threshold_keeps_its_share():
    scores = np.arange(100) / 100
    threshold = keeping_threshold(scores, 0.95)
    assert threshold == 0.05 and (scores >= threshold).mean() == 0.95
    assert keeping_threshold(np.array([0.3])) == 0.3
    with pytest.raises(ValueError, match="needs scores"):
        keeping_threshold(np.array([]))


def test_a_reliability_curve_by_hand():
    curve = reliability(np.array([0.1, 0.15, 0.9, 1.0]), np.array([False, True, True, True]), bins=10)
    assert curve.counts.tolist() == [2, 2]
    assert curve.predicted == pytest.approx([0.125, 0.95]) and curve.observed.tolist() == [0.5, 1.0]
    assert curve.error == pytest.approx((0.375 + 0.05) / 2)


def test_words_of_phrases_are_fitted_together():
    rng = np.random.default_rng(1)
    size = 20000
    nouns, attributes = rng.normal(0, 3, size), rng.normal(0, 6, (size, 2))
    nouns[::3], attributes[1::3] = np.nan, np.nan
    attributes[:, 1] = np.where(rng.random(size) < 0.5, np.nan, attributes[:, 1])
    each = 1 / (1 + np.exp(-(1.5 * nouns - 1))), 1 / (1 + np.exp(-(0.3 * attributes + 0.5)))
    chance = np.nan_to_num(each[0], nan=1) * np.nan_to_num(each[1], nan=1).prod(axis=1)
    noun, attribute = fit_words(WordOdds(nouns, attributes, rng.random(size) < chance))
    assert (noun.temperature, noun.bias) == pytest.approx((1.5, -1), abs=0.15)
    assert (attribute.temperature, attribute.bias) == pytest.approx((0.3, 0.5), abs=0.1)


def test_words_that_no_phrase_has_stay_as_they_are():
    rng = np.random.default_rng(2)
    odds = rng.normal(0, 3, 500)
    noun, attribute = fit_words(WordOdds(odds, np.full((500, 1), np.nan), odds + rng.normal(0, 2, 500) > 0))
    assert noun.temperature > 0.5
    assert (attribute.temperature, attribute.bias) == (1, 0)


def test_words_need_true_and_false_phrases():
    with pytest.raises(ValueError, match="right and examples that are wrong"):
        fit_words(WordOdds(np.ones(3), np.full((3, 1), np.nan), np.ones(3, bool)))


def some_evidence(size: int) -> list[Evidence]:
    rng = np.random.default_rng(3)
    phrases, clauses = np.log(rng.beta(1, 1, size)), np.log(rng.beta(2, 1, (size, 3)))
    present = rng.random((size, 3)) < 0.5
    return [
        Evidence(float(phrase), *(float(value) for value in row * there), clauses=int(there.sum()))
        for phrase, row, there in zip(phrases, clauses, present)
    ]


def test_the_weights_of_evidence_are_found():
    evidence = some_evidence(20000)
    logs = np.array([one.phrase + 0.3 * one.relation + 1.0 * one.order + 2.0 * one.position for one in evidence])
    odds = 0.8 * np.array([logit_of(log) for log in logs]) + 0.5 * np.array([one.clauses for one in evidence]) - 0.4
    right = np.random.default_rng(4).random(len(odds)) < 1 / (1 + np.exp(-odds))
    fitted = fit_evidence(evidence, right)
    assert (fitted.relation, fitted.order, fitted.position) == pytest.approx((0.3, 1.0, 2.0), abs=0.25)
    assert (fitted.clause, fitted.temperature, fitted.bias) == pytest.approx((0.5, 0.8, -0.4), abs=0.1)


def test_what_no_example_tells_about_stays_the_plain_product():
    evidence = [Evidence(phrase=one.phrase) for one in some_evidence(200)]
    fitted = fit_evidence(evidence, np.array([one.phrase > -1 for one in evidence]))
    assert (fitted.relation, fitted.order, fitted.position, fitted.clause) == (1, 1, 1, 0)
    with pytest.raises(ValueError, match="answers that are right and expressions of what is absent"):
        fit_evidence(evidence, np.ones(200, bool))


def test_examples_that_count_nothing_change_nothing():
    evidence = some_evidence(300)
    right = np.array([one.phrase > -1 for one in evidence])
    right[:100:2] ^= True
    wrong = np.concatenate([right, ~right])
    counts = np.concatenate([np.ones(300), np.zeros(300)])
    assert fit_evidence(evidence * 2, wrong, counts).order == pytest.approx(
        fit_evidence(evidence, right).order, rel=1e-3
    )


def test_the_fit_sees_the_log_odds_of_the_decision():
    logs = [-800.0, -30.0, -3.0, -0.1, -1e-9, 0.0]
    assert logit_of_logs(torch.tensor(logs, dtype=torch.float64)).tolist() == pytest.approx(list(map(logit_of, logs)))
