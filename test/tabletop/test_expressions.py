"""Every expression of the rules names exactly one object, judged here by reading its words anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placed import HEIGHT, WIDTH, tables

from hybridgl_ros.tabletop.dataset import Expression, ObjectTruth
from hybridgl_ros.tabletop.expressions import KINDS, MARGIN, all_expressions, choose
from hybridgl_ros.tabletop.grounding import Located
from hybridgl_ros.tabletop.objects import COLOURS, SHAPES

SIZE_OF_WORD = {
    **dict.fromkeys(("small", "little", "tiny", "smaller", "smallest"), "small"),
    **dict.fromkeys(("large", "big", "bigger", "larger", "biggest", "largest"), "large"),
}


def said(table: tuple[Located, ...], seed: int) -> list[Expression]:
    return all_expressions(table, WIDTH, HEIGHT, np.random.default_rng(seed))


def fitting(table: tuple[Located, ...], words: str) -> list[Located]:
    """Objects whose attributes agree with every shape, colour and size word."""
    fits = list(table)
    for word in words.split():
        if word in SHAPES:
            fits = [item for item in fits if item.truth.shape == word]
        elif word in COLOURS:
            fits = [item for item in fits if item.truth.colour == word]
        elif word in SIZE_OF_WORD:
            fits = [item for item in fits if item.truth.size == SIZE_OF_WORD[word]]
    return fits


def instances(items: list[Located]) -> list[int]:
    return [item.truth.instance for item in items]


@settings(deadline=None, max_examples=30)
@given(tables(), st.integers(0, 99))
def test_attributes_name_exactly_the_instance(table: tuple[Located, ...], seed: int) -> None:
    plain = {"colour_shape", "shape", "colour", "size", "absent"}
    for expression in said(table, seed):
        if expression.kind in plain:
            expected = [] if expression.instance is None else [expression.instance]
            assert instances(fitting(table, expression.text)) == expected, expression


@settings(deadline=None, max_examples=30)
@given(tables(), st.integers(0, 99))
def test_size_words_are_needed(table: tuple[Located, ...], seed: int) -> None:
    for expression in said(table, seed):
        if expression.kind == "size":
            without = " ".join(word for word in expression.text.split() if word not in SIZE_OF_WORD)
            assert len(fitting(table, without)) > 1, expression


@settings(deadline=None, max_examples=30)
@given(tables(), st.integers(0, 99))
def test_a_position_is_held_by_the_extreme_object(table: tuple[Located, ...], seed: int) -> None:
    extreme = {
        "position:left": (lambda item: item.x, min),
        "position:right": (lambda item: item.x, max),
        "position:top": (lambda item: item.y, min),
        "position:bottom": (lambda item: item.y, max),
        "depth:closest": (lambda item: item.z, min),
        "depth:farthest": (lambda item: item.z, max),
    }
    for expression in said(table, seed):
        if expression.kind in ("position", "depth") and expression.tags[0] in extreme:
            key, select = extreme[expression.tags[0]]
            best = select(fitting(table, expression.text), key=key)
            assert best.truth.instance == expression.instance, expression


@settings(deadline=None, max_examples=30)
@given(tables(), st.integers(0, 99))
def test_a_relation_holds_for_the_named_object_alone(table: tuple[Located, ...], seed: int) -> None:
    holds = {
        "relation:left of": lambda a, b: a.x < b.x,
        "relation:right of": lambda a, b: a.x > b.x,
        "relation:above": lambda a, b: a.y < b.y,
        "relation:below": lambda a, b: a.y > b.y,
        "relation:behind": lambda a, b: a.z > b.z,
        "relation:in front of": lambda a, b: a.z < b.z,
    }
    for expression in said(table, seed):
        if expression.kind == "relation":
            words, anchor_words = expression.text.removeprefix("the ").rsplit(" the ", 1)
            (anchor,) = fitting(table, anchor_words)
            relation = holds[expression.tags[0]]
            others = [item for item in fitting(table, words) if item is not anchor and relation(item, anchor)]
            assert instances(others) == [expression.instance], expression


@settings(deadline=None, max_examples=30)
@given(tables(), st.integers(0, 99))
def test_ordinals_count_from_the_named_side(table: tuple[Located, ...], seed: int) -> None:
    places = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "sixth": 5}
    for expression in said(table, seed):
        if expression.kind == "ordinal":
            row = sorted(fitting(table, expression.text), key=lambda item: item.x)
            if expression.text.endswith("right"):
                row.reverse()
            assert row[places[expression.text.split()[1]]].truth.instance == expression.instance, expression


@settings(deadline=None, max_examples=20)
@given(tables(), st.integers(0, 99))
def test_a_choice_is_varied_and_the_same_for_one_seed(table: tuple[Located, ...], seed: int) -> None:
    chosen = choose(said(table, seed), np.random.default_rng(seed))
    assert chosen == choose(said(table, seed), np.random.default_rng(seed))
    assert len(chosen) <= 10
    assert len({expression.text for expression in chosen}) == len(chosen)
    assert {expression.kind for expression in chosen} <= set(KINDS)
    assert len({expression.kind for expression in chosen}) >= min(2, len(chosen))


def located(instance: int, shape: str, colour: str, x: float, y: float, z: float = 0.4) -> Located:
    truth = ObjectTruth(instance, shape, colour, "large", ((x - 160) / 300 * z, (y - 120) / 300 * z, z), 1000)
    return Located(truth, (x - 30, y - 30, x + 30, y + 30))


def test_almost_level_objects_get_no_relation_or_position() -> None:
    table = (located(1, "cube", "red", 150, 60), located(2, "cube", "blue", 150 + MARGIN - 1, 62))
    kinds = {expression.kind for expression in said(table, 0)}
    assert kinds.isdisjoint({"relation", "position", "depth"})


def test_between_needs_the_object_on_the_line() -> None:
    ends = (located(1, "cube", "red", 60, 120), located(2, "mug", "blue", 260, 120))
    on = said((*ends, located(3, "ball", "green", 160, 125)), 0)
    off = said((*ends, located(3, "ball", "green", 160, 230)), 0)
    assert {expression.instance for expression in on if expression.kind == "between"} == {3}
    assert all(expression.kind != "between" for expression in off)


@pytest.mark.parametrize(("x", "expected"), [(160, {2}), (250, set())])
def test_inside_needs_the_object_in_the_ring(x: float, expected: set[int]) -> None:
    table = (located(1, "ring", "red", 160, 120), located(2, "ball", "blue", x, 118))
    assert {expression.instance for expression in said(table, 0) if expression.kind == "inside"} == expected
