"""What changes while the small SAM trains, as a function of the share of the budget that is spent."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from hybridgl_ros.models.embedded_sam import EMBEDDED_SIZES


@dataclass(frozen=True)
class Stage:
    """How batches are drawn from ``start`` on: ``batch`` crops of ``side`` pixels with ``points`` prompts."""

    start: float
    side: int
    batch: int
    points: int


@dataclass(frozen=True)
class Recipe:
    """Numbers of the training run; positions in time are shares of the budget."""

    stages: tuple[Stage, ...] = (
        Stage(0.0, side=128, batch=8, points=6),
        Stage(0.65, side=EMBEDDED_SIZES.image, batch=4, points=8),
    )
    learning_rate: float = 1e-3
    final_rate: float = 0.01
    warm_up: float = 0.03
    weight_decay: float = 0.02
    gradient_norm: float = 1.0
    average_decay: float = 0.998
    bce_weight: tuple[float, float] = (1.6, 0.1)
    bce_end: float = 0.7
    sharp_weight: float = 0.0

    def stage(self, progress: float) -> Stage:
        """The stage that ``progress`` (0..1) falls into."""
        return [stage for stage in self.stages if stage.start <= progress][-1]

    def rate(self, progress: float) -> float:
        """Learning rate: linear warm-up, then half a cosine down to ``final_rate`` of the peak."""
        if progress < self.warm_up:
            return self.learning_rate * max(progress / self.warm_up, 0.01)
        position = min((progress - self.warm_up) / (1 - self.warm_up), 1.0)
        share = (1 + math.cos(math.pi * position)) / 2
        return self.learning_rate * (self.final_rate + (1 - self.final_rate) * share)

    def bce(self, progress: float) -> float:
        """Weight of the balanced cross-entropy, falling linearly until ``bce_end``."""
        first, last = self.bce_weight
        return first + (last - first) * min(progress / self.bce_end, 1.0)


FINE_TUNING = Recipe(
    stages=(
        Stage(0.0, side=128, batch=8, points=10),
        Stage(0.55, side=EMBEDDED_SIZES.image, batch=4, points=12),
    ),
    learning_rate=5e-4,
    warm_up=0.02,
    average_decay=0.997,
    bce_weight=(0.1, 0.1),
    sharp_weight=10.0,
)
"""The recipe that goes on from trained weights: sharper edges, many points a crop or frame."""


class Budget:
    """The share of a run that is done: of its steps if ``steps`` is given, else of its ``minutes``.

    Only a budget in steps makes two runs equal; one in minutes ends on time on any machine.
    ``spent`` seconds are those of earlier runs that this one resumes.
    """

    def __init__(self, minutes: float, steps: int | None, spent: float = 0.0) -> None:
        self._seconds = minutes * 60
        self._steps = steps
        self._start = time.monotonic() - spent

    def seconds(self) -> float:
        """Seconds spent so far, earlier runs included."""
        return time.monotonic() - self._start

    def progress(self, step: int) -> float:
        """0 at the start, 1 at the end."""
        done = step / self._steps if self._steps else self.seconds() / self._seconds
        return min(done, 1.0)
