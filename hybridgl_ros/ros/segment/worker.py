"""The one thread that loads the models and answers; everything it is asked comes back as an Outcome."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import numpy as np

from hybridgl_ros.errors import HybridGLError, PlaceError
from hybridgl_ros.metric.placement import Placement, place_of
from hybridgl_ros.metric.registration import RegisteredDepth
from hybridgl_ros.ros.segment.scene_cache import SceneCache
from hybridgl_ros.settings import Config
from hybridgl_ros.types import Answer, Scene

ENDING = "the node is ending"


class Segmenter(Protocol):
    """What the worker needs of a ReferringSegmenter."""

    def with_config(self, config: Config) -> Segmenter: ...

    def encode(
        self, image: np.ndarray, *, depth: np.ndarray | None = ..., intrinsics: np.ndarray | None = ...
    ) -> Scene: ...

    def refer(self, scene: Scene, expression: str) -> Answer: ...


class RefusedError(HybridGLError):
    """A request that is not taken up: nothing to look at yet, models not ready, or too much to do."""


class ModelState(Enum):
    """How far the models are."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


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

    answer: None when there is none, then problem says why, and header and image may be missing, too.
    image: the decoded frame. latency: seconds since the expression was taken up. places: of each of the answer's
    objects, where it is, or the reason why that is not known.
    """

    expression: str
    header: Any
    image: np.ndarray | None
    answer: Answer | None
    problem: str
    latency: float
    places: tuple[Placement | str, ...] = ()


class InferenceWorker:
    """Answers expressions in the order of their coming, each on the frame that is the newest when its turn comes.

    load: makes the segmenter, called in the worker's thread. report: is told of every exception that is no
    HybridGLError, that is, of every defect. limit: expressions that may wait at once.
    """

    def __init__(
        self,
        load: Callable[[Config], Segmenter],
        config: Config,
        *,
        report: Callable[[Exception], None],
        limit: int,
        cache_capacity: int,
    ) -> None:
        self._config = config
        self._report = report
        self._limit = limit
        self._capacity = cache_capacity
        self._cache = SceneCache()
        self._open: set[Future[Outcome]] = set()
        self._counted: set[Future[Outcome]] = set()
        self._ending = False
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")
        self._in_hand: Future[Outcome] | None = None
        self._segmenter: Segmenter | None = None
        self.problem = ""
        self.state = ModelState.LOADING
        self.loaded = self._pool.submit(self._load, load)

    @property
    def waiting(self) -> int:
        """Expressions taken in and not answered yet."""
        return len(self._open)

    @property
    def cached(self) -> int:
        """Scenes that are kept."""
        return len(self._cache)

    def configure(self, config: Config, cache_capacity: int) -> None:
        """Use these settings from the next expression on; its models must be the loaded ones."""
        self._config = config
        self._capacity = cache_capacity

    def submit(self, expression: str, frame: Callable[[], Frame], *, counted: bool = True) -> Future[Outcome]:
        """Have an expression answered; frame is called when its turn comes.

        counted: whether it takes one of the places that are limited. Raises RefusedError when too many wait, and
        while the worker ends.
        """
        future: Future[Outcome] = Future()
        with self._lock:
            if self._ending:
                raise RefusedError(ENDING)
            if counted and len(self._counted) >= self._limit:
                raise RefusedError(f"{len(self._counted)} expressions are waiting already")
            self._open.add(future)
            if counted:
                self._counted.add(future)
            self._pool.submit(self._answer_to, future, expression, frame)
        future.add_done_callback(self._finish)
        return future

    def close(self, patience: float | None = None) -> bool:
        """Cancel what waits; returns whether the work in hand ended within the given seconds (None: however long).

        What is in hand after that is cancelled as well: nobody waits for an answer that will not come.
        """
        with self._lock:
            self._ending = True
            waiting = [future for future in self._open if future is not self._in_hand]
        for future in waiting:
            future.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            everything: set[Future[Any]] = {self.loaded, *self._open}
        in_hand = [future for future in everything if not future.done()]
        left = wait(in_hand, timeout=patience).not_done
        for late in left:
            late.cancel()
        return not left

    def _finish(self, future: Future[Outcome]) -> None:
        with self._lock:
            self._open.discard(future)
            self._counted.discard(future)

    def _answer_to(self, future: Future[Outcome], expression: str, frame: Callable[[], Frame]) -> None:
        with self._lock:
            if future.cancelled():
                return
            self._in_hand = future
        with suppress(InvalidStateError):  # cancelled meanwhile
            try:
                future.set_result(self._answer(expression, frame))
            except Exception as error:
                # Reporting a defect failed in its turn; whoever waits must hear of it all the same.
                future.set_exception(error)

    def _load(self, load: Callable[[Config], Segmenter]) -> None:
        try:
            self._segmenter = load(self._config)
        except Exception as error:
            self.problem = self._explain(error)
            self.state = ModelState.FAILED
        else:
            self.state = ModelState.READY

    def _answer(self, expression: str, choose: Callable[[], Frame]) -> Outcome:
        started = time.perf_counter()
        header = image = answer = None
        places: tuple[Placement | str, ...] = ()
        problem = ""
        try:
            if self._segmenter is None:
                raise RefusedError(self.problem)
            frame = choose()
            header = frame.header
            image = frame.read()
            depth = self._depth(frame, image)
            answer, places = self._refer(self._segmenter, image, depth, expression)
        except Exception as error:
            problem = self._explain(error)
        return Outcome(expression, header, image, answer, problem, time.perf_counter() - started, places)

    def _depth(self, frame: Frame, image: np.ndarray) -> RegisteredDepth | str:
        """The depth of a frame, or the reason why there is none."""
        try:
            return frame.depth(*image.shape[:2])
        except PlaceError as error:
            return str(error)

    def _refer(
        self, segmenter: Segmenter, image: np.ndarray, depth: RegisteredDepth | str, expression: str
    ) -> tuple[Answer, tuple[Placement | str, ...]]:
        config = self._config
        configured = segmenter.with_config(config)
        known = depth if isinstance(depth, RegisteredDepth) else None
        scene = self._cache.get(image, config, configured.encode, self._capacity, known)
        answer = configured.refer(scene, expression)
        if isinstance(depth, str):
            return answer, (depth,) * len(answer.objects)
        return answer, tuple(placed(scene, entry.mask, config) for entry in answer.objects)

    def _explain(self, error: Exception) -> str:
        """The one place where any exception becomes a text; what is no HybridGLError is reported as a defect."""
        if isinstance(error, HybridGLError):
            return str(error)
        self._report(error)
        return f"{type(error).__name__}: {error}"


def placed(scene: Scene, mask: np.ndarray, config: Config) -> Placement | str:
    """Where a mask is, or the reason why that is not known."""
    try:
        return place_of(scene, mask, config.metric)
    except PlaceError as error:
        return str(error)
