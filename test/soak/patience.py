"""Waiting, in the time that this process lives through: it may be stopped meanwhile, and so may the node."""

from __future__ import annotations

import time

LONGEST_STEP = 0.5


class Patience:
    """So many seconds of patience; to be asked in steps."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._last = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether it is at its end."""
        now = time.monotonic()
        self._left -= min(now - self._last, LONGEST_STEP)
        self._last = now
        return self._left < 0
