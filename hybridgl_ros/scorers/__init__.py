"""The two ways from an encoded scene and an expression to an answer, chosen by `scoring.method`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeAlias

import numpy as np

from hybridgl_ros.language.query import Query, Reading
from hybridgl_ros.progress import Progress, unwatched
from hybridgl_ros.types import Answer, Parse, Scene

Expression: TypeAlias = str | Query | Reading
"""What a segmenter can be asked: a text, or what somebody has already read from one."""


class Scorer(Protocol):
    """A way to choose the referent of an expression."""

    def answer(self, scene: Scene, expression: Expression, progress: Progress = unwatched) -> Answer:
        """The answer to one expression; it does not depend on the expressions before."""
        ...

    def answers(self, scene: Scene, expressions: Sequence[Expression], progress: Progress = unwatched) -> list[Answer]:
        """The answers to several expressions, the same as one by one."""
        ...


@contextmanager
def timed(timings: dict[str, float], stage: str, progress: Progress = unwatched) -> Iterator[None]:
    """Tell that a stage begins, and note what it took."""
    progress(stage)
    started = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - started


def nothing_proposed(
    scene: Scene, parse: Parse, notes: tuple[str, ...], timings: dict[str, float], query: Query | None = None
) -> Answer:
    """The answer on an image without proposals."""
    return Answer(
        found=False,
        mask=np.zeros(scene.size, bool),
        score=0.0,
        similarity=0.0,
        margin=0.0,
        candidates=(),
        parse=parse,
        reason="nothing found: the image has no mask proposals",
        notes=notes,
        timings=timings,
        query=query,
    )
