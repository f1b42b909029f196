"""Depth to pictures, by stamp."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.ros.segment.matching import KEPT, SECOND, Matching

PATIENCE = 60.0


@given(
    before=st.lists(st.integers(0, 1000), max_size=KEPT), after=st.lists(st.integers(0, 1000), min_size=1, max_size=20)
)
def test_the_nearest_is_found_whichever_came_first(before: list[int], after: list[int]) -> None:
    matching: Matching[int] = Matching()
    for stamp in before:
        matching.put(stamp, stamp)
    wanted = matching.want(500)
    for stamp in after:
        matching.put(stamp, stamp)
    nearest = min(abs(stamp - 500) for stamp in before + after)
    assert abs(wanted.nearest() - 500) == nearest
    assert abs(wanted.lag) * SECOND - nearest < 1e-3
    assert matching.received == len(before + after)


def test_what_is_too_far_is_not_taken() -> None:
    matching: Matching[str] = Matching()
    wanted = matching.want(5 * SECOND)
    assert wanted.within(0) is wanted.nearest() is wanted.lag is None
    matching.put(7 * SECOND, "late")
    assert wanted.within(1.9) is None
    assert wanted.within(2.0) == wanted.nearest() == "late"
    assert wanted.lag == 2


def test_what_is_on_its_way_is_waited_for() -> None:
    matching: Matching[str] = Matching()
    matching.put(9, "earlier")
    wanted = matching.want(10)
    found = []
    waiting = threading.Thread(target=lambda: found.append(wanted.within(PATIENCE)))
    waiting.start()
    matching.put(10, "exact")
    waiting.join(PATIENCE)
    assert found == ["exact"]


def test_what_is_cleared_belongs_to_no_later_picture() -> None:
    matching: Matching[str] = Matching()
    matching.put(10, "before")
    earlier = matching.want(20)
    matching.clear()
    matching.put(20, "after")
    assert earlier.nearest() == "before"
    assert matching.want(10).nearest() == "after"
    assert matching.received == 2
