"""What a score is worth: how many absent things it refuses at a fixed price, and whether it is a probability.

Weights are R×n, how often each of n samples counts in each of R resamples; figures are R float64, NaN where there is
nothing to measure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.evaluation.samples import Outcome

RIGHT = 0.5
"""IoU from which an answer is right."""

Floats = NDArray[np.float64]


def is_right(outcome: Outcome) -> bool:
    """Whether what an answer's score speaks of is right: there is a target, and its IoU reaches `RIGHT`.

    The score of an answer that was refused speaks of the best candidate.
    """
    reached = outcome.iou if outcome.found else outcome.first_iou
    return outcome.has_target and (reached or 0.0) >= RIGHT


def keeping_levels(positive: NDArray[np.bool_], confidence: Floats, share: float, weights: Floats) -> Floats:
    """For each resample the largest confidence that keeps a share of the positives (n bool); NaN without any."""
    order = np.argsort(-confidence, kind="stable")
    kept = np.cumsum((weights * positive)[:, order], axis=1)
    total = kept[:, -1:] if kept.shape[1] else np.zeros((len(weights), 1))
    place = np.argmax(kept >= share * total - 1e-9, axis=1) if kept.shape[1] else np.zeros(len(weights), int)
    levels = confidence[order][place] if len(confidence) else np.full(len(weights), np.nan)
    return np.where(total[:, 0] > 0, levels, np.nan)


def refused(positive: NDArray[np.bool_], confidence: Floats, share: float, weights: Floats) -> Floats:
    """Share of the negatives whose confidence is below the threshold that keeps a share of the positives."""
    levels = keeping_levels(positive, confidence, share, weights)
    negatives = weights * ~positive
    below = (negatives * (confidence[None] < levels[:, None])).sum(axis=1)
    count = negatives.sum(axis=1)
    usable = (count > 0) & ~np.isnan(levels)
    return np.divide(below, count, out=np.full(len(weights), np.nan), where=usable)


def calibration_error(probabilities: Floats, right: NDArray[np.bool_], bins: int, weights: Floats) -> Floats:
    """Expected calibration error: Σ over bins of equal width of share of the samples · |mean probability − right|.

    NaN when something is no probability.
    """
    if not len(probabilities) or not ((probabilities >= 0) & (probabilities <= 1)).all():
        return np.full(len(weights), np.nan)
    places = np.clip((probabilities * bins).astype(int), 0, bins - 1)
    excess = np.zeros((len(probabilities), bins))
    excess[np.arange(len(places)), places] = probabilities - right
    count = weights.sum(axis=1)
    return np.divide(np.abs(weights @ excess).sum(axis=1), count, out=np.full(len(weights), np.nan), where=count > 0)
