"""What a node counts, and the diagnostics message made from it."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from hybridgl_ros.ros.segment.depth_input import DepthInput
from hybridgl_ros.ros.segment.image_input import ImageInput
from hybridgl_ros.ros.segment.worker import ModelState, Outcome

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
    name: str,
    state: ModelState,
    problem: str,
    camera: ImageInput,
    depth: DepthInput,
    timeout: float,
    counters: Counters,
    worker: dict[str, object],
) -> DiagnosticArray:
    """The node's state: an error without models, a warning while they load or no image ever came, stale without news.

    camera: its silence, in words, is the message. timeout: seconds after which the newest frame is an old one.
    depth: what is wrong with it is told while all else is well.
    worker: further keys and values.
    """
    silence = camera.silence(timeout)
    if state is ModelState.FAILED:
        level, message = DiagnosticStatus.ERROR, problem
    elif state is ModelState.LOADING:
        level, message = DiagnosticStatus.WARN, "the models are loading"
    elif silence:
        level, message = DiagnosticStatus.WARN if camera.age is None else DiagnosticStatus.STALE, silence
    else:
        lost = f"; {camera.lost} images were lost on their way" if camera.lost else ""
        flat = f"; answers are in 2D: {problem}" if (problem := depth.problem()) else ""
        level, message = DiagnosticStatus.OK, f"running{lost}{flat}"
    latencies = counters.latencies
    values = {
        "models": state.value,
        "frames received": camera.frames.received,
        "frames bad": counters.bad,
        "expressions answered": counters.answered,
        "expressions failed": counters.failed,
        **camera.values(),
        **depth.values(),
        **worker,
        "latency median (s)": f"{statistics.median(latencies):.3f}" if latencies else "",
        "latency maximum (s)": f"{max(latencies):.3f}" if latencies else "",
        "last error": counters.last_error,
    }
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticArray(status=[DiagnosticStatus(level=level, name=name, message=message, values=pairs)])
