"""Answers on the camera's time line for the Rerun viewer, written in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from threading import Thread

from hybridgl_ros.recording import Recording
from hybridgl_ros.ros.segment.job import Outcome
from hybridgl_ros.types import Scene

WAITING = 4
"""Frames that may wait to be written."""
PATIENCE = 2.0
TOO_FAST = "recording: answers come faster than they can be written, some are left out"


class AnswerRecorder:
    """Records what was answered; the inference thread never waits for it.

    target: as of `Recording`. warn: is told once something is left out. report: is told of defects. Raises ConfigError
    as `Recording`.
    """

    def __init__(self, target: str, warn: Callable[[str], None], report: Callable[[Exception], None]) -> None:
        self._recording = Recording(target)
        self._warn = warn
        self._report = report
        self._waiting: SimpleQueue[Sequence[Outcome] | None] = SimpleQueue()
        self._shown: tuple[Scene, int] | None = None
        self._closed = False
        self._thread = Thread(target=self._work, name="recorder", daemon=True)
        self._thread.start()

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Have the answers on one frame written, unless too many wait."""
        if self._closed:
            return
        if self._waiting.qsize() >= WAITING:
            self._warn(TOO_FAST)
            return
        self._waiting.put(outcomes)

    def close(self) -> None:
        """Write what waits, and end the file."""
        if self._closed:
            return
        self._closed = True
        self._waiting.put(None)
        self._thread.join(PATIENCE)

    def _work(self) -> None:
        while (outcomes := self._waiting.get()) is not None:
            self._try(partial(self._write, outcomes))
        self._try(self._recording.close)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._report(error)

    def _write(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.answer is None or outcome.scene is None:
                continue
            stamp = outcome.header.stamp.sec * 10**9 + outcome.header.stamp.nanosec
            # Another expression on the same frame goes beside the ones before.
            if self._shown is None or self._shown[0] is not outcome.scene or self._shown[1] != stamp:
                self._recording.frame(outcome.scene, stamp)
                self._shown = outcome.scene, stamp
            self._recording.answer(outcome.expression, outcome.answer)


def make_recorder(
    target: str, warn: Callable[[str], None], report: Callable[[Exception], None]
) -> AnswerRecorder | None:
    """A recorder, or none for an empty target. Raises ConfigError as `Recording`."""
    return AnswerRecorder(target, warn, report) if target else None
