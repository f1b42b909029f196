"""What a node counts, and the diagnostics message made from it."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from hybridgl_ros.ros.worker import ModelState, Outcome

LATENCIES_KEPT = 100


@dataclass
class Counters:
    """Counted since the start. bad: images that could not be read; failed: expressions without an answer."""

    bad: int = 0
    answered: int = 0
    failed: int = 0
    last_error: str = ""
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))

    def count(self, outcome: Outcome) -> None:
        """Count an expression that was taken up."""
        if outcome.answer is None:
            self.fail(outcome.problem)
        else:
            self.answered += 1
            self.latencies.append(outcome.latency)

    def fail(self, problem: str) -> None:
        """Count an expression that got no answer."""
        self.failed += 1
        self.last_error = problem


def diagnostics(
    name: str, state: ModelState, problem: str, received: int, counters: Counters, others: dict[str, object]
) -> DiagnosticArray:
    """The node's state: an error without models, a warning while they load or while no image has come."""
    levels = {
        ModelState.FAILED: (DiagnosticStatus.ERROR, problem),
        ModelState.LOADING: (DiagnosticStatus.WARN, "the models are loading"),
    }
    silent = (DiagnosticStatus.WARN, "no image has arrived") if received == 0 else (DiagnosticStatus.OK, "running")
    level, message = levels.get(state, silent)
    latencies = counters.latencies
    values = {
        "models": state.value,
        "frames received": received,
        "frames bad": counters.bad,
        "expressions answered": counters.answered,
        "expressions failed": counters.failed,
        **others,
        "latency median (s)": f"{statistics.median(latencies):.3f}" if latencies else "",
        "latency maximum (s)": f"{max(latencies):.3f}" if latencies else "",
        "last error": counters.last_error,
    }
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticArray(status=[DiagnosticStatus(level=level, name=name, message=message, values=pairs)])
