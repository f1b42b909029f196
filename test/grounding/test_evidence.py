"""What speaks for an answer: the plain product under plain weights, monotone, and never another order."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from hybridgl_ros.grounding.decision import calibrated, decide
from hybridgl_ros.grounding.evidence import Evidence, evidence_for, log_odds, logit_of
from hybridgl_ros.grounding.execution import Execution, Graded, Step
from hybridgl_ros.language.query import Except, Negation, Phrase, Position, Query, Rank, Relation
from hybridgl_ros.settings import DecisionSettings

PLAIN = {"relation": 1.0, "order": 1.0, "position": 1.0, "clause": 0.0, "temperature": 1.0, "bias": 0.0}
MUG = Query(Phrase("mug", "mug"))
PARTS = (
    Relation("left", (MUG,)),
    Rank("x", "left"),
    Graded("small", "size", "small"),
    Position(("left",)),
    Negation(Phrase("red")),
    Except(MUG),
)
weights = st.floats(0, 4)
settings_of = st.fixed_dictionaries(
    {"relation": weights, "order": weights, "position": weights, "clause": st.floats(-2, 2),
     "temperature": weights, "bias": st.floats(-3, 3)}
)  # fmt: skip
chances = st.lists(st.floats(0, 1), min_size=3, max_size=3)
clauses = st.lists(st.tuples(st.sampled_from(PARTS), chances), max_size=3)


def decision(**values: float) -> DecisionSettings:
    return DecisionSettings(calibrated=True, threshold=0.5, plural=0.5, **(PLAIN | values))


def executed(phrase: list[float], parts: list[tuple[object, list[float]]]) -> Execution:
    steps = [Step(part, torch.tensor(chances, dtype=torch.float64)) for part, chances in [(MUG.phrase, phrase), *parts]]
    return Execution(MUG, tuple(steps), torch.stack([step.factors for step in steps]).prod(dim=0))


@given(chances, clauses)
def test_under_plain_weights_the_score_is_the_product(phrase, parts):
    execution = executed(phrase, parts)
    scores = calibrated(execution.steps, execution.probabilities, decision())
    assert scores.tolist() == pytest.approx(execution.probabilities.tolist(), abs=1e-4)


@given(chances, clauses, settings_of)
def test_whatever_the_weights_the_order_is_the_product_s(phrase, parts, values):
    execution = executed(phrase, parts)
    scores = calibrated(execution.steps, execution.probabilities, decision(**values))
    assert bool(((scores >= 0) & (scores <= 1)).all())
    order = torch.argsort(execution.probabilities, descending=True, stable=True)
    assert bool((scores[order].diff() <= 1e-12).all())


@given(st.floats(0.01, 1), clauses, settings_of, st.integers(0, 3), st.floats(0, 1))
def test_less_of_anything_is_never_more_evidence(phrase, parts, values, which, share):
    before = executed([phrase] * 3, parts).steps
    assume(which < len(before))
    after = list(before)
    after[which] = Step(before[which].part, before[which].factors * share)
    assert (
        log_odds(evidence_for(after, 0), decision(**values))
        <= log_odds(evidence_for(before, 0), decision(**values)) + 1e-9
    )


def test_every_part_counts_as_its_kind():
    steps = executed([0.5] * 3, [(part, [0.5] * 3) for part in PARTS]).steps
    half = math.log(0.5)
    assert evidence_for(steps, 1) == Evidence(half, 3 * half, pytest.approx(2 * half), half, clauses=6)


def test_a_doubted_relation_that_counts_little_is_answered():
    execution = executed([0.9, 0.1, 0.1], [(PARTS[0], [0.1, 0.1, 0.1])])
    assert not decide([execution], [1.0], decision()).found
    assert decide([execution], [1.0], decision(relation=0.2)).referents == (0,)


@pytest.mark.parametrize("log", [0.0, -1e-15, -50.0, -1e4])
def test_log_odds_of_what_is_certain_stay_finite(log):
    assert abs(logit_of(log)) < 28
