"""Ctrl-C and its like while something has to be put back in order first."""

from __future__ import annotations

import signal
from typing import Any

# Ctrl-C, an end asked for by the system, a terminal that is closed.
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def ignore_interrupts() -> None:
    """From now on Ctrl-C does nothing, for what is left to do is short. To be used in the main thread.

    In a terminal `ros2 launch` interrupts its processes a second time, while they end.
    """
    while True:
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return
        except KeyboardInterrupt:  # one that had come before
            continue


class Interruption:
    """Within `with`, signals that end a process are noted, and raised as KeyboardInterrupt by `check` only.

    Those that are ignored stay so. To be used in the main thread.
    """

    def __init__(self) -> None:
        self._noted = False
        self._held = False
        self._handlers: dict[int, Any] = {}

    @property
    def noted(self) -> bool:
        """Whether a signal came that was not raised."""
        return self._noted

    def check(self) -> None:
        """Raise KeyboardInterrupt, once, when a signal was noted."""
        if self._noted and not self._held:
            self._noted = False
            raise KeyboardInterrupt

    def hold(self) -> None:
        """From now on `check` raises no more."""
        self._held = True

    def __enter__(self) -> Interruption:
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def _note(self, *_: object) -> None:
        self._noted = True
