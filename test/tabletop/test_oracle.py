"""What programs find on tables where the answer can be seen, and that they say when it cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placed import FOCAL, HEIGHT, WIDTH, located, tables

from hybridgl_ros.tabletop.grounding import Located
from hybridgl_ros.tabletop.oracle import ENDS, RELATIONS, Oracle, Unclear, absence, fits

ROW = (
    located(1, "mug", "red", 40, 60, 0.60),
    located(2, "mug", "blue", 120, 120, 0.50, "small"),
    located(3, "ball", "green", 200, 140, 0.45),
    located(4, "mug", "white", 280, 200, 0.38, "small"),
)


def run(program: Any, table: tuple[Located, ...] = ROW) -> list[int]:
    found = Oracle(table, WIDTH, HEIGHT, FOCAL).run(program)
    return sorted(item.truth.instance for item in found)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ([["mug"]], [1, 2, 4]),
        ([["mug", "!red"]], [2, 4]),
        ([["red/green"]], [1, 3]),
        ([["bottle"]], []),
        ([["mug"], ["left of", [["ball"]]]], [1, 2]),
        ([["mug"], ["left of", [["ball"]]], ["behind", [["blue"]]]], [1]),
        ([["thing"], ["below", [["ball"]]]], [4]),
        ([["mug"], ["rank", "x", "right", 1]], [4]),
        ([["mug"], ["rank", "x", "left", 2]], [2]),
        ([["mug"], ["rank", "x", "left", -1]], [4]),
        ([["mug"], ["rank", "x", "left", 4]], []),
        ([["thing"], ["rank", "depth", "near", 2]], [3]),
        ([["thing"], ["rank", "depth", "far", 1]], [1]),
        ([["thing"], ["rank", "distance", "remote", 1, [["red"]]]], [4]),
        ([["mug"], ["at", "top", "left"]], None),
        ([["thing"], ["at", "right"]], [3, 4]),
        ([["mug"], ["not", ["at", "right"]]], [1, 2]),
        ([["mug"], ["except", [["red"]]]], [2, 4]),
        ([["red", "mug"], ["or", [["ball"]]]], [1, 3]),
        ([["thing"], ["near", [["ball"]]]], None),
        ([["mug"], ["between", [["red"]], [["ball"]]]], [2]),
        ([["thing"], ["bigger than", [["blue"]]]], [1, 3, 4]),
    ],
)
def test_programs_on_a_row(program: Any, expected: list[int] | None) -> None:
    if expected is None:
        with pytest.raises(Unclear):
            run(program)
    else:
        assert run(program) == expected


def test_the_landmark_is_not_the_nearest_to_itself() -> None:
    assert run([["mug"], ["rank", "distance", "close", 1, [["red", "mug"]]]]) == [2]


@pytest.mark.parametrize(("container", "expected"), [(2, [1]), (None, [])])
def test_inside_is_what_the_truth_says(container: int | None, expected: list[int]) -> None:
    ball = located(1, "ball", "red", 160, 120, size="small")
    told = Located(replace(ball.truth, inside=container), ball.box)
    table = (told, located(2, "mug", "blue", 160, 120))
    assert run([["ball"], ["inside", [["mug"]]]], table) == expected
    assert run([["mug"], ["containing", [["ball"]]]], table) == [2 for _ in expected]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ([], "not a program"),
        ("mug", "not a program"),
        (["mug"], "starts with a list of words"),
        ([["mugg"]], "no word 'mugg'"),
        ([["mug"], ["beside", [["ball"]]]], r"no step \['beside'"),
        ([["mug"], "left of"], "no step 'left of'"),
        ([["mug"], ["left of"]], "left of takes 1 arguments, got 0"),
        ([["mug"], ["at", "inside"]], "no place 'inside'"),
        ([["mug"], ["rank", "x", "near", 1]], "no axis 'x' with an end 'near'"),
        ([["mug"], ["rank", "x", "left", 0]], "counts nothing"),
        ([["mug"], ["rank", "distance", "close", 1]], "wants a landmark"),
        ([["ball"], ["left of", [["mug"]]]], "the landmark .* is 1 .*, 2"),
        ([["ball"], ["left of", [["cone"]]]], "is nothing"),
    ],
)
def test_what_is_no_program_is_told(program: Any, message: str) -> None:
    with pytest.raises(Unclear, match=message):
        run(program)


def test_level_things_are_unclear() -> None:
    table = (located(1, "cube", "red", 100, 100), located(2, "mug", "blue", 104, 100))
    for program in ([["cube"], ["left of", [["mug"]]]], [["thing"], ["rank", "x", "left", 1]]):
        with pytest.raises(Unclear):
            run(program, table)


def test_why_there_is_nothing() -> None:
    truths = [item.truth for item in ROW]
    assert absence(truths, [["red", "ball"], ["at", "left"]]) == "wrong noun"
    assert absence(truths, [["red", "mug"], ["at", "right"]]) == "one clause false"


def mirrored(table: tuple[Located, ...]) -> tuple[Located, ...]:
    return tuple(
        Located(item.truth, (WIDTH - item.box[2], item.box[1], WIDTH - item.box[0], item.box[3])) for item in table
    )


def outcome(program: Any, table: tuple[Located, ...]) -> list[int] | str:
    try:
        return run(program, table)
    except Unclear:
        return "unclear"


@settings(deadline=None, max_examples=40)
@given(tables(), st.integers(1, 3))
def test_a_mirrored_picture_swaps_left_and_right(table: tuple[Located, ...], n: int) -> None:
    landmark = [[table[0].truth.colour, table[0].truth.shape, table[0].truth.size]]
    for left, right in (
        (["left of", landmark], ["right of", landmark]),
        (["rank", "x", "left", n], ["rank", "x", "right", n]),
        (["at", "top", "left"], ["at", "top", "right"]),
        (["behind", landmark], ["behind", landmark]),
    ):
        assert outcome([["thing"], left], table) == outcome([["thing"], right], mirrored(table))


@settings(deadline=None, max_examples=40)
@given(tables())
def test_what_holds_clearly_holds_at_all_and_not_its_opposite(table: tuple[Located, ...]) -> None:
    opposite = {"left of": "right of", "above": "below", "behind": "in front of", "bigger than": "smaller than"}
    for one in table:
        for two in table:
            for relation, (clearly, at_all) in RELATIONS.items():
                assert at_all(one, two) or not clearly(one, two)
                if relation in opposite and clearly(one, two):
                    assert not RELATIONS[opposite[relation]][1](one, two)


@settings(deadline=None, max_examples=40)
@given(tables(), st.sampled_from(sorted(set(ENDS) - {"distance"})), st.integers(1, 6))
def test_the_nth_from_one_end_is_the_nth_last_from_the_other(table: tuple[Located, ...], axis: str, n: int) -> None:
    first, last = ENDS[axis]
    forwards, backwards = ([["thing"], ["rank", axis, end, place]] for end, place in ((first, n), (last, -n)))
    assert outcome(forwards, table) == outcome(backwards, table)


@settings(deadline=None, max_examples=40)
@given(tables())
def test_a_word_and_its_negation_share_nothing(table: tuple[Located, ...]) -> None:
    for item in table:
        for word in (item.truth.shape, item.truth.colour, item.truth.size):
            assert fits(item.truth, word) and not fits(item.truth, f"!{word}")
