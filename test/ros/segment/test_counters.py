"""Windows, rates and counters, with a clock of the test's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.ros.segment.counters import KEPT, Counters, Window
from hybridgl_ros.ros.segment.stopwatch import Stopwatch
from hybridgl_ros.ros.segment.worker import Outcome


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def outcome(answer: object = None, **changes) -> Outcome:
    return Outcome("cup", None, None, answer, "" if answer else "no cup", 0.5, **changes)


def test_old_values_leave_the_window(clock: Clock) -> None:
    window = Window(10.0, clock)
    assert (window.values, window.rate, window.percentile(50)) == ([], 0.0, None)
    window.add(1.0)
    clock.now += 6
    window.add(2.0)
    assert window.values == [1.0, 2.0]
    clock.now += 5
    assert window.values == [2.0]
    assert window.percentile(95) == 2.0


def test_the_rate_counts_from_the_start_until_the_window_is_full(clock: Clock) -> None:
    window = Window(10.0, clock)
    for _ in range(4):
        clock.now += 0.5
        window.add()
    assert window.rate == pytest.approx(2.0)
    clock.now += 6
    assert window.rate == pytest.approx(0.5)


def test_a_rate_of_more_than_is_kept_looks_back_less_far(clock: Clock) -> None:
    window = Window(10.0, clock)
    for _ in range(3 * KEPT):
        clock.now += 0.001
        window.add()
    assert window.rate == pytest.approx(1000, rel=0.01)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_percentiles_lie_in_order_among_the_values(values: list[float]) -> None:
    window = Window(10.0, Clock())
    for value in values:
        window.add(value)
    middle, high = window.percentile(50), window.percentile(95)
    slack = 1e-9
    assert min(values) - slack <= middle <= high + slack and high <= max(values) + slack


def test_counters_stay_after_recovery(clock: Clock) -> None:
    counters = Counters(60.0, clock)
    clock.now = 0.0
    counters.fail("2 expressions are waiting already", "too many waiting")
    counters.count(outcome(kind="deadline"))
    counters.count(outcome(answer=object(), timings={"decode": 0.25}))
    values = counters.values()
    assert values["refused: too many waiting"] == values["refused: deadline"] == 1
    assert (values["expressions answered"], values["expressions failed"]) == (1, 2)
    assert (values["last error"], values["last error time"]) == ("no cup", "1970-01-01T00:00:00Z")
    assert values["decode p50 (s)"] == values["decode p95 (s)"] == "0.2500"
    assert values["scoring p50 (s)"] == ""
    assert values["latency median (s)"] == "0.500"


def test_a_stage_ends_where_the_next_begins(clock: Clock) -> None:
    watch = Stopwatch(clock)
    assert watch.start("proposals")
    clock.now += 2
    assert not watch.start("proposals")
    clock.now += 1
    assert watch.start("features")
    clock.now += 4
    watch.stop()
    assert watch.seconds == {"proposals": 3.0, "features": 4.0}
