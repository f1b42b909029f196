"""Signals that end a process wait for their turn while rclpy is at work."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from hybridgl_ros.ros.common.interruption import SIGNALS, Interruption


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture(autouse=True, params=SIGNALS)
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    """Each signal, handled at once before and after, whatever the shell of the tests has set."""
    before = signal.signal(request.param, interrupt)
    yield request.param
    signal.signal(request.param, before)


def test_it_comes_once_and_where_it_is_asked_for(number: int) -> None:
    with Interruption() as interruption:
        interruption.check()
        signal.raise_signal(number)
        assert interruption.noted
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
        assert not interruption.noted
        interruption.check()


def test_afterwards_it_is_what_it_was(number: int) -> None:
    with Interruption():
        signal.raise_signal(number)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_what_must_not_be_broken_off_is_not(number: int) -> None:
    with Interruption() as interruption:
        interruption.hold()
        signal.raise_signal(number)
        interruption.check()
        assert interruption.noted


def test_where_it_is_ignored_it_stays_so(number: int) -> None:
    signal.signal(number, signal.SIG_IGN)
    with Interruption() as interruption:
        signal.raise_signal(number)
        interruption.check()
    assert signal.getsignal(number) is signal.SIG_IGN
