"""What a node counts: since its start, and over the last while."""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable

from hybridgl_ros.ros.segment.job import Outcome

KEPT = 1000
STAGES = ("decode", "proposals", "features", "localisation", "parse", "scoring", "tracking", "places", "publish")


class Window:
    """Values of the last so many seconds, at most the last 1000 of them. Any thread may call anything."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._begin = clock()
        self._lock = threading.Lock()
        self._entries: deque[tuple[float, float]] = deque(maxlen=KEPT)

    def add(self, value: float = 0.0) -> None:
        """Something happened; value: what is measured of it."""
        with self._lock:
            self._entries.append((self._clock(), value))

    @property
    def values(self) -> list[float]:
        """What was measured, oldest first."""
        oldest = self._clock() - self._seconds
        with self._lock:
            while self._entries and self._entries[0][0] < oldest:
                self._entries.popleft()
            return [value for _, value in self._entries]

    @property
    def rate(self) -> float:
        """How often a second it happened."""
        count = len(self.values)
        with self._lock:
            begin = self._entries[0][0] if count == KEPT else self._clock() - self._seconds
        span = self._clock() - max(begin, self._begin)
        return count / span if span > 0 else 0.0

    def percentile(self, percent: int) -> float | None:
        """A percentile of the values; None when there are none."""
        values = self.values
        if len(values) < 2:
            return values[0] if values else None
        return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


class Counters:
    """window: seconds that rates and latencies look back.

    bad: images that could not be read; failed: expressions without an answer; refusals: these by kind; reduced: answers
    for which memory ran out. None of them is ever reset.
    """

    def __init__(self, window: float, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.bad = 0
        self.answered = 0
        self.failed = 0
        self.refusals: Counter[str] = Counter()
        self.last_error = ""
        self.last_error_time: float | None = None
        self.frames = Window(window)
        self.answers = Window(window)
        self.stages: defaultdict[str, Window] = defaultdict(lambda: Window(window))

    def count(self, outcome: Outcome) -> None:
        """Count an expression that was taken up."""
        for stage, seconds in outcome.timings.items():
            self.stages[stage].add(seconds)
        if outcome.answer is None:
            self.fail(outcome.problem, outcome.kind)
            return
        with self._lock:
            self.answered += 1
        self.answers.add(outcome.latency)

    def fail(self, problem: str, kind: str, count: int = 1) -> None:
        """Count expressions that got no answer, one by default."""
        with self._lock:
            self.failed += count
            self.refusals[kind] += count
        self.note(problem)

    def miss(self, problem: str) -> None:
        """Count an image that could not be read."""
        with self._lock:
            self.bad += 1
        self.note(problem)

    def note(self, problem: str) -> None:
        """Remember the last error, and when it was."""
        with self._lock:
            self.last_error, self.last_error_time = problem, self._clock()

    def values(self) -> dict[str, object]:
        """What the diagnostics tell of all this."""
        latencies = self.answers.values
        values: dict[str, object] = {
            "frames bad": self.bad,
            "frame rate (Hz)": f"{self.frames.rate:.2f}",
            "expressions answered": self.answered,
            "expressions failed": self.failed,
            "answers per second": f"{self.answers.rate:.3f}",
            "latency median (s)": f"{statistics.median(latencies):.3f}" if latencies else "",
            "latency maximum (s)": f"{max(latencies):.3f}" if latencies else "",
        }
        for stage in STAGES:
            window = self.stages.get(stage)
            values[f"{stage} p50 (s)"] = in_seconds(window.percentile(50) if window else None)
            values[f"{stage} p95 (s)"] = in_seconds(window.percentile(95) if window else None)
        values |= {f"refused: {kind}": count for kind, count in sorted(self.refusals.items())}
        when = self.last_error_time
        values["last error"] = self.last_error
        values["last error time"] = "" if when is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
        return values


def in_seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
