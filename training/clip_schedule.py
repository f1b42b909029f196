"""What the small CLIP trains on as its time budget passes.

Four stages: ``zoom`` (close crops, where shape is easy, through half of the blocks, which costs half), ``wide``
(true scale mixed in), ``fuse`` (the fused path joins), ``final`` (all tokens, only the views of inference, imperfect
and junk masks). The localisation map is trained from ``wide`` on.
Going on from trained weights takes three others: ``words`` (texts only: new words learn to say what the trained text
tower says with the old ones), ``tune`` (as ``fuse``, with junk) and ``settle`` (as ``final``).
A stage may end early when a held-out accuracy passes its gate, and always ends at a fixed share of the budget, so
that the last third certainly sees the model as it is used.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from clip_data import ViewPlan
from clip_model import EARLY_DEPTH

STAGES = ("zoom", "wide", "fuse", "final")
TUNING = ("words", "tune", "settle")
TUNING_RATE = 0.4
"""Peak learning rate when going on from trained weights, as a share of the peak from scratch."""
GATES = {"zoom": 0.75, "wide": 0.80}
"""Held-out shape accuracy that ends a stage early: of zoomed views for ``zoom``, at true scale for ``wide``."""
EARLIEST = {"zoom": 0.08, "wide": 0.22}
LATEST = {"zoom": 0.27, "wide": 0.50, "fuse": 0.667, "words": 0.05, "tune": 0.6}
"""Share of the budget after which a stage may end, and after which it ends whatever the gate says."""


@dataclass(frozen=True)
class Step:
    """One kind of training step: "local", "fused", "frames" or "texts"; ``views`` says how to draw a view batch."""

    kind: str
    views: ViewPlan
    weight: float


_CLOSE = (0.40, 0.75)
_ANY = (0.25, 0.80)
STEPS: dict[str, tuple[Step, ...]] = {
    "zoom": (
        Step("local", ViewPlan(64, zoomed=1.0, span=_CLOSE, tokens=49), 0.74),
        Step("local", ViewPlan(16, zoomed=1.0, span=_CLOSE), 0.26),
    ),
    "wide": (
        Step("local", ViewPlan(72, zoomed=0.35, span=_ANY, tokens=48), 0.60),
        Step("local", ViewPlan(28, zoomed=0.25, span=_ANY), 0.34),
        Step("frames", ViewPlan(8), 0.06),
    ),
    "fuse": (
        Step("local", ViewPlan(72, zoomed=0.2, span=_ANY, tokens=48, imperfect=0.2), 0.30),
        Step("local", ViewPlan(28, zoomed=0.1, span=_ANY, imperfect=0.2), 0.15),
        Step("fused", ViewPlan(28, tokens=72, blurred=True, imperfect=0.2), 0.30),
        Step("fused", ViewPlan(16, blurred=True, imperfect=0.2), 0.13),
        Step("frames", ViewPlan(8), 0.12),
    ),
    "final": (
        Step("local", ViewPlan(28, shifted=False, imperfect=0.35, junk=0.8), 0.30),
        Step("fused", ViewPlan(16, blurred=True, imperfect=0.35, junk=0.8), 0.58),
        Step("frames", ViewPlan(8), 0.12),
    ),
    "words": (Step("texts", ViewPlan(256), 1.0),),
    "tune": (
        Step("local", ViewPlan(36, tokens=64, imperfect=0.3, junk=1.0), 0.20),
        Step("local", ViewPlan(24, shifted=False, imperfect=0.3, junk=1.0), 0.14),
        Step("fused", ViewPlan(28, tokens=72, blurred=True, imperfect=0.3, junk=1.0), 0.36),
        Step("fused", ViewPlan(16, blurred=True, imperfect=0.3, junk=1.0), 0.20),
        Step("frames", ViewPlan(8), 0.10),
    ),
    "settle": (
        Step("local", ViewPlan(28, shifted=False, imperfect=0.35, junk=1.0), 0.30),
        Step("fused", ViewPlan(20, blurred=True, imperfect=0.35, junk=1.0), 0.60),
        Step("frames", ViewPlan(8), 0.10),
    ),
}


@dataclass
class Progress:
    """How far training is: seconds spent of the budget, steps taken, the stage, and the next stage's gate."""

    budget: float
    spent: float = 0.0
    steps: int = 0
    stage: str = STAGES[0]
    rate: float = 1.0

    @property
    def share(self) -> float:
        """Share of the budget that is spent, 0 to 1."""
        return min(1.0, self.spent / self.budget)

    def advance(self, accuracy: float | None = None) -> bool:
        """Move to the next stage when its time or its gate has come; returns whether it moved."""
        before = self.stage
        gate, earliest = GATES.get(self.stage), EARLIEST.get(self.stage, 1.0)
        if gate is not None and accuracy is not None and accuracy >= gate and self.share >= earliest:
            self.stage = self._next()
        while self.share >= LATEST.get(self.stage, 2.0):
            self.stage = self._next()
        return self.stage != before

    def _next(self) -> str:
        stages = STAGES if self.stage in STAGES else TUNING
        return stages[stages.index(self.stage) + 1]

    def depth(self, blocks: int) -> int:
        """How many of the vision tower's blocks the current stage trains."""
        return min(EARLY_DEPTH, blocks) if self.stage == STAGES[0] else blocks

    def draw_step(self, rng: random.Random) -> Step:
        """A random kind of step of the current stage."""
        steps = STEPS[self.stage]
        return rng.choices(steps, weights=[step.weight for step in steps])[0]

    def learning_rate(self, warmup: int = 40) -> float:
        """Share of the peak rate: linear warm-up over steps, then a cosine over the budget down to 2 %."""
        cosine = 0.5 * (1 + math.cos(math.pi * self.share))
        return min(1.0, (self.steps + 1) / warmup) * (0.02 + 0.98 * cosine) * self.rate
