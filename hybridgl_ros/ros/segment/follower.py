"""Continuous mode: the newest question stays answered while frames come in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Any


class Follower:
    """Asks again whenever something is new, but never while an earlier question is under way.

    ask: submits a question, one or several expressions, to be answered on the newest frame; None when it is refused.
    Any thread may call anything.
    """

    def __init__(self, ask: Callable[[Sequence[str]], Future[Any] | None]) -> None:
        self._ask = ask
        self._lock = Lock()
        self._question: Sequence[str] = ()
        self._busy = False
        self._due = False

    def follow(self, question: Sequence[str]) -> None:
        """Answer this from now on, first on the frame that is there; an empty one ends it."""
        with self._lock:
            self._question = question
        self.wake()

    def wake(self) -> None:
        """There is a new frame: answer on it, at once or after the question under way."""
        with self._lock:
            self._due = bool(self._question)
        self._go_on()

    def _go_on(self) -> None:
        """Ask what is due, unless a question is under way; what became due while one was refused, too."""
        while True:
            with self._lock:
                if self._busy or not self._due:
                    return
                self._busy, self._due = True, False
                question = self._question
            future = self._ask(question)
            if future is not None:
                future.add_done_callback(self._finish)
                return
            with self._lock:
                self._busy = False

    def _finish(self, future: Future[Any]) -> None:
        with self._lock:
            self._busy = False
            self._due = self._due and not future.cancelled()
        self._go_on()
