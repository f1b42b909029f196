"""The highest rate with few enough frames lost, found as ros2_benchmark does: by halving, then a look just above."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LOSS_ALLOWED = 0.05
# The camera may be this much slower than it was told to: then it is the camera that is measured.
SLOWER_ALLOWED = 0.05


@dataclass(frozen=True)
class Trial:
    """One run. wanted: frames a second that were asked for; sent, received: frames; seconds: that sending took."""

    wanted: float
    sent: int
    received: int
    seconds: float

    @property
    def rate(self) -> float:
        """Frames a second that were sent."""
        return (self.sent - 1) / self.seconds

    @property
    def lost(self) -> float:
        """Share of the frames that never came."""
        return 1 - self.received / self.sent

    @property
    def sender_limited(self) -> bool:
        """Whether the camera did not reach its rate."""
        return self.rate < self.wanted * (1 - SLOWER_ALLOWED)

    @property
    def good(self) -> bool:
        """Whether the camera reached its rate and few enough frames were lost."""
        return not self.sender_limited and self.lost < LOSS_ALLOWED


def highest(run: Callable[[float], Trial], low: float, high: float, resolution: float) -> tuple[Trial | None, Trial]:
    """The best good trial between two rates, and the bad one above it, or the last when all are good.

    run: makes a trial at a rate. resolution: by how much of its rate the answer may be too low.
    """
    best, worst = None, run(high)
    if worst.good:
        return worst, worst
    while high - low > resolution * high:
        middle = (low + high) / 2
        trial = run(middle)
        if trial.good:
            best, low = trial, middle
        else:
            worst, high = trial, middle
    return best, worst
