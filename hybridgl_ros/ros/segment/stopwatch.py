"""What each stage of an answer took."""

from __future__ import annotations

import time
from collections.abc import Callable


class Stopwatch:
    """Seconds by stage; a stage ends where the next one begins, or at `stop`."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._stage = ""
        self._begin = 0.0
        self.seconds: dict[str, float] = {}

    def start(self, stage: str) -> bool:
        """A stage begins, or goes on; whether it is a new one."""
        if stage == self._stage:
            return False
        self.stop()
        self._stage, self._begin = stage, self._clock()
        return True

    def stop(self) -> None:
        """The stage under way is over."""
        if self._stage:
            spent = self._clock() - self._begin
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + spent
        self._stage = ""
