"""Warnings and defects in a log that a flood of them must neither fill nor silence."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED = 100
WINDOW = 60.0
LINES_PER_WINDOW = 20


class Notices:
    """Writes what is new: not again what stands among the last ones, and no more than so many lines a minute.

    write: takes the text. What is left out is counted, and told when the minute is over; see `tell`.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._begin = clock()
        self._lines = 0
        self._left_out = 0
        self._last = ""

    def add(self, text: str, key: str | None = None) -> None:
        """Write the text if it is new. key: what makes it the same as an earlier one, the text itself by default."""
        key = text if key is None else key
        self.tell()
        with self._lock:
            known = key in self._seen
            self._seen[key] = None
            self._seen.move_to_end(key)
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            if known:
                return
            full = self._lines >= LINES_PER_WINDOW
            if full:
                self._left_out += 1
                self._last = text
            else:
                self._lines += 1
        if not full:
            self._write(text)

    def tell(self) -> None:
        """To be called now and then: when a minute is over, say how many were left out."""
        with self._lock:
            if self._clock() - self._begin < WINDOW:
                return
            left_out, last = self._left_out, self._last
            self._begin, self._lines, self._left_out = self._clock(), 0, 0
        if left_out:
            self._write(f"{left_out} more of these in the last minute were left out; the last: {last}")
