"""The models at work, as the inference thread holds them: loaded, used with the newest settings, dropped."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import TypeAlias

import numpy as np

from hybridgl_ros.economy import batch_sizes, described, with_halved_batches
from hybridgl_ros.errors import OutOfMemoryError, PlaceError, StoppedError
from hybridgl_ros.memory import give_back, made_to_last, ran_out
from hybridgl_ros.metric.placement import Placement, place_of
from hybridgl_ros.metric.registration import RegisteredDepth
from hybridgl_ros.progress import Progress
from hybridgl_ros.ros.segment.model_store import ModelStore, Segmenter
from hybridgl_ros.ros.segment.refusals import NO_MODELS, RefusedError
from hybridgl_ros.ros.segment.scene_cache import SceneCache
from hybridgl_ros.settings import Config
from hybridgl_ros.tracking.tracker import Tracker
from hybridgl_ros.types import Answer, Scene

Places: TypeAlias = tuple[Placement | str, ...]
"""Where each object of an answer is, or the reason why that is not known."""
Result: TypeAlias = tuple[Answer, Places] | Exception
"""What became of one of several expressions."""


def unseen(scene: Scene) -> None:
    """Nobody looks at it."""


class ModelState(Enum):
    """How far the models are."""

    NONE = "none"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class Engine:
    """Loads, answers and unloads, in one thread; state, problem and counts may be read in any.

    models: where they are kept; engines of equal models share one set.
    """

    def __init__(self, models: ModelStore, config: Config, capacity: int) -> None:
        self._models = models
        self._taken: Config | None = None
        self._config = config
        self._capacity = capacity
        self._cache = SceneCache()
        self._segmenter: Segmenter | None = None
        self._configured: Config | None = None
        self._complete = False
        self.halvings = 0
        self.state = ModelState.NONE
        self.problem = ""

    @property
    def cached(self) -> int:
        """Scenes that are kept."""
        return len(self._cache)

    @property
    def economy(self) -> str:
        """The batch sizes that are used because memory ran out; empty when it never did."""
        return described(with_halved_batches(self._config, self.halvings)) if self.halvings else ""

    def configure(self, config: Config, capacity: int) -> None:
        """Use these settings from the next answer on; batch sizes that are set anew count in full again."""
        if batch_sizes(config) != batch_sizes(self._config):
            self.halvings = 0
        self._config = config
        self._capacity = capacity

    def load(self, explain: Callable[[Exception], str]) -> None:
        """Load the models. explain: makes the problem's text of what went wrong."""
        try:
            self._leave()
            self._segmenter, self._taken = self._models.take(self._config), self._config
        except Exception as error:
            self.problem = explain(error)
            self.state = ModelState.FAILED
        else:
            # Reading the files took about as much memory as the models take.
            give_back()
            self.problem = ""
            self.state = ModelState.READY

    def complete(self, report: Callable[[Exception], None]) -> None:
        """Load what the first answer did without, while nobody waits. report: is told what goes wrong, once."""
        if self._segmenter is None or self._complete:
            return
        self._complete = True
        try:
            with made_to_last():
                self._segmenter.complete()
        except Exception as error:
            report(error)

    def unload(self) -> None:
        """Drop models, unless others use them, and scenes, and give their memory back to the system."""
        self._leave()
        self._cache.clear()
        self.halvings = 0
        self.problem = ""
        self.state = ModelState.NONE
        give_back(everything=True)

    def _leave(self) -> None:
        self._segmenter = self._configured = None
        self._complete = False
        taken, self._taken = self._taken, None
        if taken is not None:
            self._models.leave(taken)

    def answers(
        self,
        image: np.ndarray,
        depth: RegisteredDepth | str,
        expressions: Sequence[str],
        progress: Progress,
        trackers: Sequence[Tracker] = (),
        seen: Callable[[Scene], None] = unseen,
    ) -> list[Result]:
        """The answers on an H×W×3 uint8 RGB picture; with smaller batches, and a note, when memory runs out.

        depth: the picture's, or why there is none. With each answer comes where its objects are. What goes wrong with
        one expression is its result. trackers: one an expression, follow what they have found; or none. seen: is given
        the scene, again after every further attempt. Raises what concerns all: RefusedError without models,
        OutOfMemoryError when the smallest batches do not fit either.
        """
        if self._segmenter is None:
            raise RefusedError(self.problem or "no models are loaded", NO_MODELS)
        notes: tuple[str, ...] = ()
        while True:
            config = with_halved_batches(self._config, self.halvings) if self.halvings else self._config
            try:
                if config is not self._configured:
                    # Once a configuration: what is made with the first expression stays for the next ones.
                    self._segmenter, self._configured = self._segmenter.with_config(config), config
                results = self._try(self._segmenter, config, image, depth, expressions, progress, trackers, seen)
            except (MemoryError, RuntimeError, OutOfMemoryError) as error:
                if not ran_out(error):
                    raise
                if max(batch_sizes(config).values()) == 1:
                    raise error if isinstance(error, OutOfMemoryError) else OutOfMemoryError(str(error)) from error
            else:
                return [noted(result, notes) for result in results] if notes else results
            # Here, where no traceback holds what the failed attempt had taken.
            self.halvings += 1
            notes = (f"memory ran out: done with smaller batches ({self.economy})",)
            self._cache.clear()
            give_back()

    def _try(
        self,
        configured: Segmenter,
        config: Config,
        image: np.ndarray,
        depth: RegisteredDepth | str,
        expressions: Sequence[str],
        progress: Progress,
        trackers: Sequence[Tracker],
        seen: Callable[[Scene], None],
    ) -> list[Result]:
        known = None if isinstance(depth, str) else depth
        scene = self._cache.get(image, config, partial(configured.encode, progress=progress), self._capacity, known)
        seen(scene)
        answers = refer_each(configured, scene, expressions, progress)
        if trackers:
            progress("tracking")
            answers = [
                answer if isinstance(answer, Exception) else tracker.follow(scene, answer, config.tracking)
                for tracker, answer in zip(trackers, answers, strict=True)
            ]
        if known is not None and any(answer.objects for answer in answers if not isinstance(answer, Exception)):
            progress("places")

        def where(mask: np.ndarray) -> Placement | str:
            return depth if isinstance(depth, str) else placed(scene, mask, config)

        return [
            answer if isinstance(answer, Exception) else (answer, tuple(where(entry.mask) for entry in answer.objects))
            for answer in answers
        ]


def refer_each(
    segmenter: Segmenter, scene: Scene, expressions: Sequence[str], progress: Progress
) -> list[Answer | Exception]:
    """The answer to each expression, or what went wrong with it. Raises what concerns all of them."""
    if len(expressions) > 1:
        try:
            return list(segmenter.refer(scene, expressions, progress))
        except Exception as error:
            # Which one it was shows when they are asked one by one.
            if concerns_all(error):
                raise
    results: list[Answer | Exception] = []
    for expression in expressions:
        try:
            results.append(segmenter.refer(scene, expression, progress))
        except Exception as error:
            if concerns_all(error):
                raise
            results.append(error)
    return results


def concerns_all(error: Exception) -> bool:
    """Whether it is no fault of an expression."""
    return isinstance(error, StoppedError) or ran_out(error)


def noted(result: Result, notes: tuple[str, ...]) -> Result:
    """A result with further notes in its answer."""
    if isinstance(result, Exception):
        return result
    answer, places = result
    return dataclasses.replace(answer, notes=(*answer.notes, *notes)), places


def placed(scene: Scene, mask: np.ndarray, config: Config) -> Placement | str:
    """Where a mask is, or the reason why that is not known."""
    try:
        return place_of(scene, mask, config.metric)
    except PlaceError as error:
        return str(error)
