"""P(an object of this frame is the followed one): a weighted sum of evidence, as log odds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridgl_ros.settings import TrackingSettings
from hybridgl_ros.tracking.sighting import Sighting


@dataclass(frozen=True)
class Expected:
    """What a followed object should look like in this frame.

    mask: h×w bool, where it is expected; centre: (2,) float64 of it, which may lie outside; None and NaN where no place
    is known. side: in pixels of this frame. trust: how much the place tells, in [0, 1]. seen: what is remembered of it.
    path: 2×3, from where it was seen.
    """

    mask: np.ndarray | None
    centre: np.ndarray
    side: float
    trust: float
    seen: Sighting
    path: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """What speaks for an object being the followed one.

    overlap: IoU with the expected mask. distance: 1 at the expected place, e⁻¹ a size of the object away. elsewhere:
    −1. These three fade to 0 as the expected place becomes uncertain. size: minus the absolute logarithm of the ratio
    of sizes. feature: 1 for the same features, 0 for features as like as those of the other objects that were around
    the followed one, and where there are none. expression: share of the expression's best score.
    """

    overlap: float
    distance: float
    elsewhere: float
    size: float
    feature: float
    expression: float

    def probability(self, settings: TrackingSettings) -> float:
        """P(it is the followed one)."""
        odds = settings.bias + sum(getattr(settings, name) * value for name, value in vars(self).items())
        return float(1 / (1 + np.exp(-np.clip(odds, -50, 50))))


def evidence(expected: Expected, candidate: Sighting) -> Evidence:
    """How a candidate looks beside what is expected."""
    return Evidence(
        overlap=expected.trust * overlap(expected.mask, candidate.mask),
        distance=expected.trust * float(np.exp(-distance(expected, candidate))),
        elsewhere=-expected.trust,
        size=-abs(change_of_size(expected, candidate)),
        feature=feature_likeness(expected.seen, candidate),
        expression=candidate.score,
    )


def overlap(first: np.ndarray | None, second: np.ndarray) -> float:
    """IoU of two h×w bool masks, 0 where the first is not known."""
    if first is None or first.shape != second.shape:
        return 0.0
    either = int((first | second).sum())
    return float((first & second).sum()) / either if either else 0.0


def distance(expected: Expected, candidate: Sighting) -> float:
    """From the expected place to the candidate, in sizes of the object; in space where both depths are known.

    Infinite where no place is known.
    """
    across = float(np.linalg.norm(candidate.centre - expected.centre)) / max(expected.side, 1.0)
    if not np.isfinite(across):
        return np.inf
    along = (candidate.depth - expected.seen.depth) / expected.seen.metres
    return float(np.hypot(across, along)) if np.isfinite(along) else across


def change_of_size(expected: Expected, candidate: Sighting) -> float:
    """Logarithm of the ratio of sizes: in metres where both are known, else in pixels."""
    ratio = candidate.metres / expected.seen.metres
    return float(np.log(ratio if np.isfinite(ratio) and ratio > 0 else candidate.side / max(expected.side, 1e-9)))


def feature_likeness(seen: Sighting, candidate: Sighting) -> float:
    """1 for the same features, 0 for features as like as those of its neighbours, no less than −1; 0 without any."""
    if seen.feature is None or candidate.feature is None or seen.feature.shape != candidate.feature.shape:
        return 0.0
    cosine = float(seen.feature @ candidate.feature)
    return float(np.clip((cosine - seen.others) / max(1 - seen.others, 1e-6), -1, 1))
