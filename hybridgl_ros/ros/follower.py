"""Continuous mode: the newest expression stays answered while frames come in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Any


class Follower:
    """Asks again whenever something is new, but never while an earlier question is under way.

    ask: submits an expression to be answered on the newest frame; None when it is refused.
    """

    def __init__(self, ask: Callable[[str], Future[Any] | None]) -> None:
        self._ask = ask
        self._lock = Lock()
        self._expression = ""
        self._busy = False
        self._due = False

    def follow(self, expression: str) -> None:
        """Answer this expression from now on, first on the frame that is there; an empty one ends it."""
        self._expression = expression
        self.wake()

    def wake(self) -> None:
        """There is a new frame: answer on it, at once or after the question under way."""
        with self._lock:
            expression = self._expression
            self._due = bool(expression)
            if self._busy or not self._due:
                return
            self._busy, self._due = True, False
        future = self._ask(expression)
        if future is None:
            self._busy = False
        else:
            future.add_done_callback(self._finish)

    def _finish(self, future: Future[Any]) -> None:
        with self._lock:
            self._busy = False
            again = self._due and not future.cancelled()
        if again:
            self.wake()
