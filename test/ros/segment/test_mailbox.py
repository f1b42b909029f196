"""Newest wins, and what was skipped is counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.ros.segment.mailbox import Mailbox


def test_empty_until_something_comes() -> None:
    box: Mailbox[str] = Mailbox()
    assert box.empty
    assert box.read() is None
    box.put("a")
    assert not box.empty


def test_the_newest_stays_readable() -> None:
    box: Mailbox[str] = Mailbox()
    box.put("a")
    assert [box.read(), box.read()] == ["a", "a"]


@given(st.lists(st.booleans()))
def test_every_item_is_read_skipped_or_still_waiting(reads: list[bool]) -> None:
    box: Mailbox[int] = Mailbox()
    seen = set()
    for number, read in enumerate(reads):
        box.put(number)
        if read:
            seen.add(box.read())
    unread = int(bool(reads) and not reads[-1])
    assert box.received == len(reads)
    assert box.skipped == len(reads) - len(seen) - unread
