"""A request on its way to an answer, and what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hybridgl_ros.errors import PlaceError
from hybridgl_ros.metric.registration import RegisteredDepth
from hybridgl_ros.progress import Progress
from hybridgl_ros.ros.segment.engine import Places
from hybridgl_ros.tracking.tracker import Tracker
from hybridgl_ros.types import Answer, Scene


def no_depth(height: int, width: int) -> RegisteredDepth:
    """The depth of a picture that came alone."""
    raise PlaceError("there is no depth: the picture came with the request")


@dataclass(frozen=True)
class Frame:
    """A picture that is decoded only when it is wanted.

    header: std_msgs/Header. read: gives H×W×3 uint8 RGB. depth: gives the depth on the grid of a picture of that
    height and width, or raises PlaceError with the reason.
    """

    header: Any
    read: Callable[[], np.ndarray]
    depth: Callable[[int, int], RegisteredDepth] = no_depth


@dataclass(frozen=True)
class Outcome:
    """What became of one expression on one frame.

    answer: None when there is none, then problem says why, kind is one of `refusals`, and header and image may be
    missing, too. image: the decoded frame. latency: seconds since the expression was taken up; timings: those of each
    stage that was gone through; of expressions that are answered together the first one has them. places: of each of
    the answer's objects, where it is, or the reason why that is not known. scene: what the answer was made of.
    """

    expression: str
    header: Any
    image: np.ndarray | None
    answer: Answer | None
    problem: str
    latency: float
    kind: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)
    places: Places = ()
    scene: Scene | None = None


@dataclass(frozen=True, eq=False)
class Job:
    """A request on its way; see `InferenceWorker.submit`. born: monotonic time at which it was taken in."""

    question: str | tuple[str, ...]
    frame: Callable[[], Frame]
    source: str
    counted: bool
    deadline: float
    watch: Progress
    trackers: Sequence[Tracker] = ()
    future: Future[Any] = field(default_factory=Future)
    born: float = field(default_factory=time.monotonic)

    @property
    def expressions(self) -> tuple[str, ...]:
        return (self.question,) if isinstance(self.question, str) else self.question

    @property
    def late(self) -> bool:
        return 0 < self.deadline < time.monotonic() - self.born

    def settle(self, outcomes: Sequence[Outcome]) -> bool:
        """Give the future its result, unless it has one or is cancelled; whether that was done."""
        try:
            self.future.set_result(outcomes[0] if isinstance(self.question, str) else tuple(outcomes))
        except InvalidStateError:
            return False
        return True

    def refuse(self, problem: str, kind: str) -> bool:
        """Settle a job that is not done."""
        return self.settle([Outcome(text, None, None, None, problem, 0.0, kind) for text in self.expressions])
