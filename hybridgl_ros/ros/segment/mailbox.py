"""The place between a camera that never waits and an inference that takes its time."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """One slot that holds the newest item; an older one that nobody has read is skipped and counted.

    Any thread may call anything.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._item: Item | None = None
        self._unread = False
        self._received = 0
        self._skipped = 0

    def put(self, item: Item) -> None:
        """Replace the item."""
        with self._lock:
            self._received += 1
            self._skipped += self._unread
            self._item = item
            self._unread = True

    def read(self) -> Item | None:
        """The newest item, which stays for the next reader; None before the first."""
        with self._lock:
            self._unread = False
            return self._item

    def clear(self) -> None:
        """Forget the item; what was counted stays."""
        with self._lock:
            self._item = None
            self._unread = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to read."""
        return self._item is None

    @property
    def received(self) -> int:
        """How many items came."""
        return self._received

    @property
    def skipped(self) -> int:
        """How many of them were replaced before anybody read them."""
        return self._skipped
