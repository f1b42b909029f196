"""Sources take turns, and within one the first comes first."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.ros.segment.turns import Turns

SOURCES = ("topic", "service", "action")


def taken(turns: Turns) -> list:
    return list(iter(turns.take, None))


def test_a_flood_delays_the_others_by_one_each() -> None:
    turns: Turns[str] = Turns()
    for number in range(4):
        turns.put("service", f"service {number}")
    turns.put("topic", "topic 0")
    turns.put("action", "action 0")
    assert taken(turns) == ["service 0", "topic 0", "action 0", "service 1", "service 2", "service 3"]


def test_a_source_that_comes_again_waits_for_the_others() -> None:
    turns: Turns[str] = Turns()
    turns.put("service", "a")
    turns.put("topic", "b")
    assert turns.take() == "a"
    turns.put("service", "c")
    assert taken(turns) == ["b", "c"]


def test_removed_items_have_no_turn() -> None:
    turns: Turns[str] = Turns()
    turns.put("service", "a")
    turns.put("service", "b")
    turns.remove("service", "a")
    turns.remove("service", "never there")
    turns.remove("topic", "b")
    assert taken(turns) == ["b"]


@given(st.lists(st.sampled_from(SOURCES)))
def test_everything_has_its_turn_in_order_and_nobody_waits_longer_than_a_round(sources: list[str]) -> None:
    turns: Turns[tuple[str, int]] = Turns()
    for number, source in enumerate(sources):
        turns.put(source, (source, number))
    order = taken(turns)
    assert sorted(number for _, number in order) == list(range(len(sources)))
    for source in SOURCES:
        places = [place for place, (name, _) in enumerate(order) if name == source]
        numbers = [number for name, number in order if name == source]
        assert numbers == sorted(numbers)
        assert all(later - earlier <= len(SOURCES) for earlier, later in itertools.pairwise(places))
