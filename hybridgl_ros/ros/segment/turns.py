"""Whose turn it is: every source of requests has a queue of its own, and they take turns."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Turns(Generic[Item]):
    """Queues by source, served in rotation, so that a flood from one source delays the others by one item each.

    Any thread may call anything.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: OrderedDict[Hashable, deque[Item]] = OrderedDict()

    def put(self, source: Hashable, item: Item) -> None:
        """Queue an item behind those of its source; a source that had none has its turn after the others."""
        with self._lock:
            self._queues.setdefault(source, deque()).append(item)

    def take(self) -> Item | None:
        """The next item of the source whose turn it is; None when there is none at all."""
        with self._lock:
            if not self._queues:
                return None
            source, queue = self._queues.popitem(last=False)
            item = queue.popleft()
            if queue:
                self._queues[source] = queue
            return item

    def remove(self, source: Hashable, item: Item) -> None:
        """Take an item out of the queue, if it is still there."""
        with self._lock:
            queue = self._queues.get(source, deque())
            if item in queue:
                queue.remove(item)
            if not queue:
                self._queues.pop(source, None)
