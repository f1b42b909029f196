"""Further expressions: each says what its program finds, and the program needs all of its words."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placed import FOCAL, HEIGHT, WIDTH, located, tables

from hybridgl_ros.tabletop.dataset import Expression, TabletopSet, heldout_path
from hybridgl_ros.tabletop.grounding import Located, Table
from hybridgl_ros.tabletop.more_expressions import (
    all_more_expressions,
    load_templates,
    more_expressions_for,
)
from hybridgl_ros.tabletop.objects import COLOURS, SHAPES
from hybridgl_ros.tabletop.oracle import ABSENCES, Oracle, Program, parts


def said(table: tuple[Located, ...], seed: int) -> list[tuple[Expression, Program]]:
    oracle = Oracle(table, WIDTH, HEIGHT, FOCAL)
    return list(all_more_expressions(oracle, Table(table, WIDTH, HEIGHT, np.random.default_rng(seed))))


@settings(deadline=None, max_examples=25)
@given(tables(), st.integers(0, 99))
def test_each_names_what_its_program_finds(table: tuple[Located, ...], seed: int) -> None:
    oracle = Oracle(table, WIDTH, HEIGHT, FOCAL)
    for expression, program in said(table, seed):
        found = {item.truth.instance for item in oracle.run(program)}
        assert set(expression.instances) == found, expression
        assert (expression.kind == "absent") == (not found)
        assert (expression.kind == "plural") == (len(found) > 1)
        assert not found or expression.tags[:1] not in [(why,) for why in ABSENCES]
        assert found or expression.tags[0] in ABSENCES


@settings(deadline=None, max_examples=25)
@given(tables(), st.integers(0, 99))
def test_text_and_program_name_the_same_attributes(table: tuple[Located, ...], seed: int) -> None:
    known = {*SHAPES, *COLOURS}
    for expression, program in said(table, seed):
        spoken = Counter(word.removesuffix("s") for word in re.split(r"[^a-z]+", expression.text))
        meant = Counter(re.findall(r"[a-z]+", str(program)))
        assert {word for word in spoken if word in known} == {word for word in meant if word in known}, expression
        assert "{" not in expression.text and "$" not in str(program)


@settings(deadline=None, max_examples=25)
@given(tables(), st.integers(0, 99))
def test_a_false_clause_is_said_of_things_that_are_there(table: tuple[Located, ...], seed: int) -> None:
    oracle = Oracle(table, WIDTH, HEIGHT, FOCAL)
    for expression, program in said(table, seed):
        if expression.kind == "absent":
            words, _ = parts(program)
            assert bool(oracle.run([words])) == (expression.tags[0] == "one clause false"), expression


def test_a_crowded_table_gets_every_kind() -> None:
    table = (
        located(1, "mug", "red", 40, 200, 0.30),
        located(2, "mug", "blue", 100, 60, 0.55, "small"),
        located(3, "mug", "green", 180, 120, 0.42),
        located(4, "ball", "red", 300, 40, 0.60, "small"),
        located(5, "ring", "white", 250, 190, 0.35),
        located(6, "ball", "blue", 250, 188, 0.35, "small"),
    )
    kinds = {expression.kind for seed in range(4) for expression, _ in said(table, seed)}
    assert kinds == set(load_templates().kinds)


def test_almost_level_things_are_not_ranked() -> None:
    table = (located(1, "cube", "red", 100, 100), located(2, "cube", "blue", 106, 103))
    kinds = {expression.kind for seed in range(4) for expression, _ in said(table, seed)}
    assert kinds.isdisjoint({"rank", "compound_position", "chain"})


@pytest.mark.parametrize("index", [3, 88])
def test_they_can_be_made_anew(index: int) -> None:
    scene = TabletopSet(heldout_path())[index]
    made = more_expressions_for(scene)
    assert made == more_expressions_for(scene)
    assert made != more_expressions_for(scene, seed=2)
    assert len({expression.text for expression in made}) == len(made) <= 10
    assert len({expression.kind for expression in made}) >= 4
