"""Answers judged: what speaks for them, what is made of them, and how good the fit is on others."""

from __future__ import annotations

import numpy as np
import pytest

from hybridgl_ros.evaluation.judging import SWAPPED, Judged, decision_settings, judge, odds_of, swapped
from hybridgl_ros.grounding.evidence import Evidence
from hybridgl_ros.language.query import Phrase, Position, Query, Relation


def phrase(word: str) -> Query:
    return Query(Phrase(word, word))


def answers(size: int, temperature: float, bias: float, source: str = "all of it") -> list[Judged]:
    generator = np.random.default_rng(0)
    odds = generator.normal(0, 4, size)
    right = generator.random(size) < 1 / (1 + np.exp(-(temperature * odds + bias)))
    logs = -np.logaddexp(0, -odds)
    return [Judged(source, bool(r), bool(r), Evidence(float(log))) for log, r in zip(logs, right, strict=True)]


def test_answers_become_probabilities_that_are_true():
    every = answers(4000, 0.5, -1)
    settings = decision_settings(every[::2], keep=0.95)
    assert settings["decision.temperature"] == pytest.approx(0.5, abs=0.08)
    assert settings["decision.bias"] == pytest.approx(-1, abs=0.25)
    quality = judge(every[1::2], settings)["all"]
    assert quality.curve.error < 0.04
    assert quality.kept == pytest.approx(0.95, abs=0.03)
    assert quality.refused > 0.3


def test_clauses_that_tell_nothing_lose_their_weight():
    generator = np.random.default_rng(1)
    every = [
        Judged(one.source, one.present, one.right, Evidence(one.evidence.phrase, position=float(log), clauses=1))
        for one, log in zip(answers(4000, 1, 0), np.log(generator.random(4000)), strict=True)
    ]
    assert decision_settings(every, keep=0.95)["decision.position"] < 0.3


def test_of_several_referents_the_least_sure_one_is_judged():
    settings = {"calibrated": True, "relation": 1.0, "order": 1.0, "position": 1.0, "clause": 0.0}
    settings = {f"decision.{name}": value for name, value in (settings | {"temperature": 2.0, "bias": 1.0}).items()}
    one, two = (Judged("s", True, True, Evidence(np.log(0.8)), behind) for behind in (0.0, -1.5))
    first, last = odds_of([one, two], settings)
    assert first == pytest.approx(2 * np.log(4) + 1) and first - last == pytest.approx(3.0)


def test_made_expressions_are_judged_apart_and_leave_the_calibration_as_it_is():
    asked, made = answers(1000, 1, 0), [Judged(SWAPPED, False, False, Evidence(-0.1)) for _ in range(500)]
    settings = decision_settings([*asked, *made], keep=0.95)
    quality = judge([*asked, *made], settings)
    assert quality["all"].answers == 1000 and quality[SWAPPED].answers == 500
    assert quality["all"].curve.error < 0.05
    assert settings["decision.threshold"] == decision_settings(asked, keep=0.95)["decision.threshold"]


def test_landmarks_are_replaced_in_turn_and_nothing_else():
    clause = Relation("between", (phrase("ball"), phrase("cone")))
    query = Query(Phrase("cube", "cube"), (Position(("left",)), clause))
    found = list(swapped([query, phrase("mug"), query], [Phrase("ring", "ring"), Phrase("bottle", "bottle")]))
    assert list(map(str, found)) == [
        "cube · at left · between(ring, cone)",
        "cube · at left · between(ball, bottle)",
    ]
    assert list(swapped([query], [])) == []
