"""Messages that belong to a picture, by stamp, whichever comes first."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")
SECOND = 1_000_000_000
KEPT = 8
WANTED = 4


class Wanted(Generic[Item]):
    """What comes nearest to one stamp (ns); `Matching.want` makes it."""

    def __init__(self, stamp: int, changed: threading.Condition) -> None:
        self._stamp = stamp
        self._changed = changed
        self._came = time.monotonic()
        self._nearest: tuple[int, Item] | None = None
        self._passed = False

    def offer(self, stamp: int, item: Item) -> None:
        """Take an item if none was nearer."""
        if self._nearest is None or abs(stamp - self._stamp) < abs(self._nearest[0] - self._stamp):
            self._nearest = stamp, item
        self._passed |= stamp >= self._stamp

    @property
    def lag(self) -> float | None:
        """Seconds from the picture to the nearest item, negative for an earlier one; None while there is none."""
        return None if self._nearest is None else (self._nearest[0] - self._stamp) / SECOND

    def nearest(self) -> Item | None:
        """The nearest item until now, however far."""
        return None if self._nearest is None else self._nearest[1]

    def within(self, slop: float) -> Item | None:
        """The nearest item if it is not more than so many seconds away.

        Waits for it until that long after the picture came, unless items have passed the picture's stamp already.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._passed, max(0.0, self._came + slop - time.monotonic()))
            lag = self.lag
            return self.nearest() if lag is not None and abs(lag) <= slop else None


class Matching(Generic[Item]):
    """The last few items, and the last few stamps that want one. Any thread may call anything."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: deque[tuple[int, Item]] = deque(maxlen=KEPT)
        self._wanted: deque[Wanted[Item]] = deque(maxlen=WANTED)
        self.received = 0

    def put(self, stamp: int, item: Item) -> None:
        """An item has come; stamp: ns."""
        with self._changed:
            self.received += 1
            self._items.append((stamp, item))
            for wanted in self._wanted:
                wanted.offer(stamp, item)
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all items and stamps; what was counted stays."""
        with self._changed:
            self._items.clear()
            self._wanted.clear()

    def want(self, stamp: int) -> Wanted[Item]:
        """What is nearest to a stamp (ns), now or soon."""
        wanted: Wanted[Item] = Wanted(stamp, self._changed)
        with self._changed:
            for earlier in self._items:
                wanted.offer(*earlier)
            self._wanted.append(wanted)
        return wanted
