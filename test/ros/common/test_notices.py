"""A flood of warnings neither fills the log nor silences what comes after it."""

from __future__ import annotations

from hybridgl_ros.ros.common.notices import LINES_PER_WINDOW, REMEMBERED, WINDOW, Notices


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_same_is_written_once() -> None:
    lines: list[str] = []
    notices = Notices(lines.append)
    for _ in range(5):
        notices.add("torn picture")
        notices.add("a defect at another time", key="defect")
        notices.add("a defect", key="defect")
    assert lines == ["torn picture", "a defect at another time"]


def test_a_flood_is_cut_counted_and_over_after_a_while() -> None:
    lines: list[str] = []
    clock = Clock()
    notices = Notices(lines.append, clock)
    for minute in range(3):
        clock.now = minute * WINDOW
        for number in range(2 * REMEMBERED):
            notices.add(f"bad {minute}.{number}")
    clock.now = 3 * WINDOW
    notices.tell()
    told = [line for line in lines if "left out" in line]
    left_out = 2 * REMEMBERED - LINES_PER_WINDOW
    assert len(lines) == 3 * (LINES_PER_WINDOW + 1)
    assert told[0] == f"{left_out} more of these in the last minute were left out; the last: bad 0.{2 * REMEMBERED - 1}"
    notices.add("something new")
    assert lines[-1] == "something new"


def test_what_was_long_ago_is_news_again() -> None:
    lines: list[str] = []
    clock = Clock()
    notices = Notices(lines.append, clock)
    notices.add("first")
    for number in range(REMEMBERED):
        clock.now += WINDOW
        notices.add(f"other {number}")
    notices.add("first")
    assert lines.count("first") == 2
