"""Ctrl-C while rclpy is at work waits for its turn."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from hybridgl_ros.ros.online_evaluation import Interruption


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """Python's own handling of Ctrl-C, whatever the shell of the tests has set."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_it_comes_once_and_where_it_is_asked_for():
    interruption = Interruption()
    interruption.defer()
    interruption.check()
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interruption.check()
    interruption.check()


def test_afterwards_it_is_what_it_was():
    interruption = Interruption()
    interruption.defer()
    signal.raise_signal(signal.SIGINT)
    interruption.end()
    interruption.check()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_where_it_is_ignored_it_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interruption = Interruption()
    interruption.defer()
    signal.raise_signal(signal.SIGINT)
    interruption.check()
    interruption.end()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
