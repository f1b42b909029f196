"""One camera's requests on their way through the inference thread; what each is asked comes back as an Outcome."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from hybridgl_ros.errors import HybridGLError, PlaceError, StoppedError
from hybridgl_ros.metric.registration import RegisteredDepth
from hybridgl_ros.progress import Progress, unwatched
from hybridgl_ros.ros.segment import refusals
from hybridgl_ros.ros.segment.engine import Engine, ModelState, Result
from hybridgl_ros.ros.segment.inference import Inference
from hybridgl_ros.ros.segment.job import Frame, Job, Outcome
from hybridgl_ros.ros.segment.refusals import RefusedError, kind_of
from hybridgl_ros.ros.segment.stopwatch import Stopwatch
from hybridgl_ros.ros.segment.turns import Turns
from hybridgl_ros.settings import Config
from hybridgl_ros.tracking.tracker import Tracker
from hybridgl_ros.types import Scene

ENDING = "the node is ending"


class InferenceWorker:
    """Answers expressions one at a time, each on the frame that is the newest when its turn comes.

    Sources take turns; those of one source are answered in the order of their coming.
    inference: the thread and the models, which several workers may share; they take turns, too. report: is told of
    every exception that is no HybridGLError, that is, of every defect. limit: expressions that may wait at once.
    """

    def __init__(
        self,
        inference: Inference,
        config: Config,
        *,
        report: Callable[[Exception], None],
        limit: int,
        cache_capacity: int,
    ) -> None:
        self._report = report
        self._limit = limit
        self._inference = inference
        self._engine = Engine(inference.models, config, cache_capacity)
        self._jobs: dict[Future[Outcome], Job] = {}
        self._turns: Turns[Job] = Turns()
        self._work: set[Future[None]] = set()
        self._ending = False
        self._lock = threading.Lock()
        self._in_hand: Future[Outcome] | None = None
        self._changes: set[Future[None]] = set()

    @property
    def state(self) -> ModelState:
        """How far the models are."""
        return self._engine.state

    @property
    def problem(self) -> str:
        """Why there are no models; empty when none were wanted."""
        return self._engine.problem

    @property
    def waiting(self) -> int:
        """Expressions taken in and not answered yet."""
        return len(self._jobs)

    @property
    def cached(self) -> int:
        """Scenes that are kept."""
        return self._engine.cached

    @property
    def economy(self) -> str:
        """The batch sizes that are used because memory ran out; empty when it never did."""
        return self._engine.economy

    def configure(self, config: Config, cache_capacity: int) -> None:
        """Use these settings from the next expression on; its models must be the loaded ones."""
        self._engine.configure(config, cache_capacity)

    def load(self) -> Future[None]:
        """Load the models in the thread; done when `state` says how that ended, cancelled when the worker ends first.

        Raises RefusedError while the worker ends.
        """
        self._engine.state = ModelState.LOADING
        return self._change(lambda: self._engine.load(self._explain))

    def unload(self) -> Future[None]:
        """Drop the models after the work in hand. Raises RefusedError while the worker ends."""
        return self._change(self._engine.unload)

    def submit(
        self,
        question: str | tuple[str, ...],
        frame: Callable[[], Frame],
        *,
        source: str = "",
        counted: bool = True,
        deadline: float = 0.0,
        watch: Progress = unwatched,
        trackers: Sequence[Tracker] = (),
    ) -> Future[Any]:
        """Have an expression answered, or several together on one frame; frame is called when its turn comes.

        The future's result is the Outcome, or the tuple of them.
        source: sources take turns. counted: whether it takes one of the places that are limited. deadline: seconds
        after which its turn comes too late, 0 for never. watch: told of every stage, in the worker's thread. trackers:
        one an expression, follow what was found; or none. Raises RefusedError when too many wait, and while the worker
        ends.
        """
        job = Job(question, frame, source, counted, deadline, watch, trackers)
        with self._lock:
            if self._ending:
                raise RefusedError(ENDING, refusals.ENDING)
            taken = sum(other.counted for other in self._jobs.values())
            if counted and taken >= self._limit:
                raise RefusedError(f"{taken} expressions are waiting already", refusals.TOO_MANY)
            self._jobs[job.future] = job
            self._turns.put(source, job)
            self._hand_in(self._take_turn)
        job.future.add_done_callback(self._finish)
        return job.future

    def stop(self, future: Future[Outcome], problem: str, kind: str = refusals.CANCELLED) -> bool:
        """Answer a request with a problem, and stop the work on it; False when it was answered before."""
        with self._lock:
            job = self._jobs.get(future)
        return job is not None and job.refuse(problem, kind)

    def drop(self, problem: str, kind: str = refusals.INACTIVE) -> None:
        """Stop whatever waits and is in hand."""
        for future in list(self._jobs):
            self.stop(future, problem, kind)

    def close(self, patience: float | None = None) -> bool:
        """Cancel what waits; returns whether the thread is free within about the given seconds (None: however long).

        What is in hand after half of them is cancelled as well: nobody waits for an answer that will not come.
        """
        with self._lock:
            self._ending = True
            waiting = [future for future in self._jobs if future is not self._in_hand]
        for future in waiting:
            future.cancel()
        for work in list(self._work):
            work.cancel()
        step = None if patience is None else patience / 2
        with self._lock:
            promised: set[Future[Any]] = {*self._changes, *self._jobs}
        for late in wait(promised, timeout=step).not_done:
            late.cancel()
        return not wait(set(self._work), timeout=step).not_done

    def _hand_in(self, work: Callable[[], None]) -> Future[None]:
        done = self._inference.hand_in(self, work)
        self._work.add(done)
        done.add_done_callback(self._work.discard)
        return done

    def _change(self, work: Callable[[], None]) -> Future[None]:
        """Have something done to the models, after what is in hand."""
        promise: Future[None] = Future()

        def do() -> None:
            work()
            with suppress(InvalidStateError):  # cancelled meanwhile
                promise.set_result(None)

        with self._lock:
            if self._ending:
                raise RefusedError(ENDING, refusals.ENDING)
            self._changes.add(promise)
            done = self._hand_in(do)
        # Never to be begun: the worker ends.
        done.add_done_callback(lambda work: promise.cancel() if work.cancelled() else None)
        promise.add_done_callback(self._changes.discard)
        return promise

    def _finish(self, future: Future[Outcome]) -> None:
        with self._lock:
            job = self._jobs.pop(future)
        self._turns.remove(job.source, job)

    def _take_turn(self) -> None:
        job = self._turns.take()
        if job is None:  # what it was meant for is not wanted any more
            return
        with self._lock:
            if job.future.done():
                return
            self._in_hand = job.future
        try:
            job.settle(self._answer(job))
            self._engine.complete(self._report)
        except Exception as error:
            # Reporting a defect failed in its turn; whoever waits must hear of it all the same.
            with suppress(InvalidStateError):
                job.future.set_exception(error)

    def _answer(self, job: Job) -> list[Outcome]:
        started = time.perf_counter()
        stopwatch = Stopwatch()

        def progress(stage: str) -> None:
            if job.future.done():
                raise StoppedError("nobody waits for this answer any more")
            if stopwatch.start(stage):
                job.watch(stage)

        header = image = None
        scenes: list[Scene] = []
        try:
            if job.late:
                raise RefusedError(f"the deadline of {job.deadline:g} s passed while waiting", refusals.DEADLINE)
            frame = job.frame()
            header = frame.header
            progress("decode")
            image = frame.read()
            depth = depth_of(frame, image)
            results: list[Result] = self._engine.answers(
                image, depth, job.expressions, progress, job.trackers, scenes.append
            )
        except Exception as error:
            results = [error] * len(job.expressions)
        stopwatch.stop()
        latency = time.perf_counter() - started
        failures = dict.fromkeys(result for result in results if isinstance(result, Exception))
        problems = {error: self._explain(error) for error in failures}
        outcomes = []
        for number, (expression, result) in enumerate(zip(job.expressions, results, strict=True)):
            timings = {} if number else stopwatch.seconds
            common = partial(Outcome, expression, header, image, latency=latency, timings=timings)
            if isinstance(result, Exception):
                outcomes.append(common(answer=None, problem=problems[result], kind=kind_of(result)))
            else:
                answer, places = result
                outcomes.append(common(answer=answer, problem="", places=places, scene=scenes[-1]))
        return outcomes

    def _explain(self, error: Exception) -> str:
        """The one place where any exception becomes a text; what is no HybridGLError is reported as a defect."""
        if isinstance(error, HybridGLError):
            return str(error)
        self._report(error)
        return f"{type(error).__name__}: {error}"


def depth_of(frame: Frame, image: np.ndarray) -> RegisteredDepth | str:
    """The depth of a frame, or the reason why there is none."""
    try:
        return frame.depth(*image.shape[:2])
    except PlaceError as error:
        return str(error)
