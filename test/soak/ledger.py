"""What was asked, and what came of it; every answer is judged as it comes."""

from __future__ import annotations

import statistics
import threading
from collections import Counter
from typing import Any

from soak.world import number_of
from soak.worlds import World

# How a good request may be refused, and by what text that is known.
REFUSALS = {
    "no image": "no image has arrived",
    "inactive": "the node is ",
    "too many": "expressions are waiting already",
    "stopped": "the node was ",
    "loading": "the models are still loading",
}
CANCELLED = "cancelled by the caller"
KEPT = 100


class Ledger:
    """Counts; any thread may call anything.

    newest: the newest picture of the camera that an answer was about. Whatever is asked after that answer must not be
    answered on an older one, because the node has that picture by then.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self.sent = self.replied = self.results = self.lost = self.interrupted = self.cancelled = self.placed = 0
        self.refused: Counter[str] = Counter()
        self.losses: list[str] = []
        self.wrong: list[str] = []
        self.wrong_count = 0
        self.newest = self._newest_result = 0
        self.latencies: list[float] = []
        self.depth_reasons: Counter[str] = Counter()

    def send(self) -> int:
        """A request goes out; returns the oldest picture that it may be answered on."""
        with self._lock:
            self.sent += 1
            return self.newest

    def answer(self, expression: str, response: Any, floor: int, latency: float, own: int | None = None) -> None:
        """A response or a result came. own: number of the picture that was sent along, in place of the camera's."""
        if not response.success:
            self._refuse(expression, response.message)
            return
        with self._lock:
            self.replied += 1
            self.latencies.append(latency)
        self._judge(expression, response.objects[0], floor, own)

    def result(self, first: Any) -> None:
        """A message of `~/result` came, none of which may be older than the one before it."""
        self.results += 1
        self._judge(first.expression, first, self._newest_result, None)
        self._newest_result = max(self._newest_result, number_of(first.header.stamp))

    def complain(self, problem: str) -> None:
        """Something wrong came."""
        with self._lock:
            self.wrong_count += 1
            if len(self.wrong) < KEPT:
                self.wrong.append(problem)

    def lose(self, what: str) -> None:
        """Nothing came, though the node was there all the time."""
        with self._lock:
            self.lost += 1
            if len(self.losses) < KEPT:
                self.losses.append(what)

    def interrupt(self, count: int) -> None:
        """So many requests were sent to a node that was ended before it could answer."""
        with self._lock:
            self.interrupted += count

    def cancel(self) -> None:
        """A goal ended as cancelled, as it was wanted."""
        with self._lock:
            self.cancelled += 1

    def _refuse(self, expression: str, message: str) -> None:
        kind = next((kind for kind, text in REFUSALS.items() if text in message), None)
        if kind is None:
            self.complain(f"{expression!r} refused: {message!r}")
        with self._lock:
            self.refused[kind or "unknown"] += 1

    def _judge(self, expression: str, first: Any, floor: int, own: int | None) -> None:
        number = number_of(first.header.stamp)
        problem = self._world.error(number, expression, first)
        if first.expression != expression:
            problem = f"{expression!r} was asked, {first.expression!r} answered"
        elif own is not None and number != own:
            problem = f"picture {own} was sent, {number} answered"
        elif own is None and number < floor:
            problem = f"answered on picture {number} when {floor} had come before it was asked"
        if problem:
            self.complain(problem)
            return
        with self._lock:
            self.placed += first.has_position
            if first.found and not first.has_position:
                self.depth_reasons[first.position_reason.partition(":")[0]] += 1
            if own is None:
                self.newest = max(self.newest, number)

    def percentile(self, percent: int) -> float:
        """Of the latencies, in milliseconds."""
        values = self.latencies
        if len(values) < 2:
            return 1000 * sum(values)
        return 1000 * statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
