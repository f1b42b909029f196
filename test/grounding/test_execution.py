"""Queries on a row of things whose names are known: every clause, alone and together, and with nothing there."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgl_ros.config import replace
from hybridgl_ros.grounding.decision import decide
from hybridgl_ros.grounding.execution import Executor, Graded, Membership
from hybridgl_ros.language.query import (
    AXES,
    PLACES,
    RELATIONS,
    Count,
    Either,
    Except,
    Negation,
    Phrase,
    Position,
    Query,
    Rank,
    Relation,
)

NAMES = ("red mug", "blue mug", "red ball", "blue mug", "green box")
ROW = [(0, 20, 10, 30), (16, 20, 26, 30), (32, 20, 42, 30), (48, 20, 58, 30), (66, 14, 80, 36)]
SURE, NEVER = 0.98, 0.01


def phrase(text: str) -> Phrase:
    *attributes, noun = text.split()
    return Phrase(text, noun, tuple(attributes))


def query(text: str, *clauses, count: Count | None = None) -> Query:
    return Query(phrase(text), clauses, count or Count())


def recognise(wanted: Phrase) -> Membership:
    words = [word for word in (*wanted.attributes, wanted.noun) if word not in ("thing", "small")]
    fit = [SURE if all(word in name.split() for word in words) else NEVER for name in NAMES]
    graded = (Graded("small", "size", "small"),) if "small" in wanted.attributes else ()
    return Membership(torch.tensor(fit, dtype=torch.float64), graded)


@pytest.fixture
def executor(geometry_of, config) -> Executor:
    return Executor(geometry_of(ROW, (0.5, 0.6, 0.7, 0.8, 0.9)), recognise, config.grounding)


@pytest.fixture
def answer(executor, config):
    """answer(query, …) → the decision, under calibrated weights."""
    sure = replace(config, {"decision.calibrated": True, "decision.temperature": 1.0, "decision.bias": 0.0})

    def call(*queries, threshold=0.4):
        decision = replace(sure, {"decision.threshold": threshold}).decision
        return decide([executor.run(one) for one in queries], [1 / len(queries)] * len(queries), decision)

    return call


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (query("red mug"), [0]),
        (query("mug", Rank("x", "left", 2)), [1]),
        (query("mug", Rank("x", "right")), [3]),
        (query("mug", Rank("x", "left", -1)), [3]),
        (query("mug", Rank("x", "left", 4)), []),
        (query("thing", Rank("size", "large")), [4]),
        (query("thing", Rank("depth", "near")), [0]),
        (query("mug", Rank("distance", "close", 1, query("box"))), [3]),
        (query("mug", Relation("left", (query("ball"),)), Rank("x", "right")), [1]),
        (query("mug", Relation("right", (query("ball"),))), [3]),
        (query("mug", Relation("between", (query("red mug"), query("ball")))), [1]),
        (query("thing", Relation("between", (query("blue mug", count=Count("exact", 2)),))), [2]),
        (query("mug", Position(("left",))), [0]),
        (query("mug", Negation(phrase("blue thing"))), [0]),
        (query("mug", Negation(Relation("left", (query("ball"),)))), [3]),
        (query("mug", Rank("x", "left"), count=Count()), [0]),
        (query("blue mug", Except(query("mug", Rank("x", "right")))), [1]),
        (query("blue mug", count=Count("all")), [1, 3]),
        (query("mug", count=Count("exact", 3)), [0, 1, 3]),
        (query("mug", Either((query("red mug"), query("mug", Rank("x", "right")))), count=Count("all")), [0, 3]),
        (query("mug", Relation("left", (query("box", Relation("right", (query("ball"),))),)), Rank("x", "left")), [0]),
        (query("horse"), []),
        (query("mug", Relation("left", (query("horse"),))), []),
    ],
    ids=str,
)
def test_what_a_query_refers_to(answer, asked, wanted):
    assert sorted(answer(asked).referents) == wanted


def test_small_compares_with_the_other_members(geometry_of, config):
    executor = Executor(
        geometry_of([(0, 0, 20, 20), (30, 0, 34, 4), (40, 0, 60, 20)]),
        lambda wanted: Membership(torch.tensor([0.9, 0.9, 0.0]), recognise(wanted).graded),
        config.grounding,
    )
    assert executor.run(query("small thing")).probabilities.argmax() == 1


def test_a_query_fails_at_the_clause_that_nothing_satisfies(answer):
    assert answer(query("horse", Rank("x", "left"))).failed == 0
    assert answer(query("mug", Rank("x", "left"), Relation("left", (query("horse"),)))).failed == 2
    assert answer(query("mug")).failed is None


def test_of_two_readings_the_scene_decides(answer):
    decision = answer(query("horse"), query("ball"))
    assert decision.referents == (2,) and "not as 'horse'" in decision.notes[0]


def test_too_few_are_said_to_be_too_few(answer):
    decision = answer(query("mug", count=Count("exact", 4)))
    assert len(decision.referents) == 3 and decision.notes == ("only 3 of 4 found",)


def test_weights_without_calibration_refuse_nothing(executor, config):
    assert decide([executor.run(query("horse"))], [1.0], config.decision).found


def queries(depth: int):
    """Any query over the words of the row, with what a parser might get wrong, too."""
    names = st.sampled_from(("mug", "red ball", "thing", "small mug", "horse"))
    nested = queries(depth - 1) if depth else names.map(query)
    phrases = names.map(phrase)
    plain = st.one_of(
        st.builds(Relation, st.sampled_from(RELATIONS), st.lists(nested, max_size=2).map(tuple)),
        st.sampled_from([(axis, end) for axis, ends in AXES.items() for end in ends]).flatmap(
            lambda pair: st.builds(
                Rank, st.just(pair[0]), st.just(pair[1]), st.sampled_from((-2, -1, 1, 2, 9)), st.none() | nested
            )
        ),
        st.lists(st.sampled_from(PLACES), min_size=1, max_size=2).map(lambda places: Position(tuple(places))),
    )
    clauses = st.one_of(
        plain,
        plain.map(Negation),
        phrases.map(Negation),
        nested.map(Except),
        st.lists(nested, min_size=1, max_size=2).map(lambda several: Either(tuple(several))),
    )
    counts = st.builds(Count, st.sampled_from(("one", "any", "exact", "all", "other")), st.integers(1, 3))
    return st.builds(Query, phrases, st.lists(clauses, max_size=2).map(tuple), counts)


@settings(max_examples=80)
@given(queries(1), st.integers(0, 5), st.booleans())
def test_every_query_is_executed_on_everything(geometry_of, config, asked, count, deep):
    geometry = geometry_of(ROW[:count], (0.5, 0.6, 0.7, 0.8, 0.9)[:count] if deep else None)

    def some(wanted: Phrase) -> Membership:
        membership = recognise(wanted)
        return Membership(membership.fit[:count], membership.graded)

    execution = Executor(geometry, some, config.grounding).run(asked)
    for values in (execution.probabilities, *(step.factors for step in execution.steps)):
        assert values.shape == (count,) and bool(((values >= 0) & (values <= 1 + 1e-9)).all())
    decision = decide([execution], [1.0], config.decision)
    assert 0 <= decision.score <= 1 and decision.found == (count > 0)
    assert set(decision.referents) <= set(range(count))
