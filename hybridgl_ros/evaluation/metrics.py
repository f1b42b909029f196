"""oIoU, mIoU, Precision@t (§4.1), the proposal ceiling, and how well `found` and `score` tell targets from none.

Samples without a target enter AUROC, F1, N-acc and the calibration only: no mask is right for them, so an IoU would
say nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.evaluation.confidence import calibration_error, is_right, refused
from hybridgl_ros.evaluation.samples import Outcome

THRESHOLDS = (0.5, 0.7, 0.9)
CONFIDENCES = ("score", "similarity", "margin")
PLURAL = "plural"
"""The tag of samples that mean several things."""
KEPT = 0.95
"""Share of the samples with a target that the threshold of `refused_95` keeps."""
BINS = 10
"""Bins of equal width of the expected calibration error."""
RESAMPLES = 2000
COVERAGE = 0.95
_RESAMPLES_AT_ONCE = 100

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure and its bootstrap interval; all NaN when there is nothing to measure."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """Every figure of one method on one split, as fractions.

    oiou, miou, precision_50…: over the samples with a target. ceiling: mean IoU of the best proposal;
    clip_miou: mIoU had the highest similarity alone decided. auroc_…: of the answer's score, similarity and
    margin as a sign that there is a target, an image without proposals counting lowest; f1: of `found` with
    "has a target" as the positive class. These four are NaN unless there are samples with and without a
    target. t_acc: share of the samples with a target that were answered; n_acc: share of those without one that were
    not (both of `found`; NaN where there are none). single_miou, plural_miou: mIoU of the samples without and with the
    tag `PLURAL`. giou, ciou: gIoU and cIoU of generalised referring segmentation (GRES, CVPR 2023), over all
    samples: the mean IoU with 1 for a refusal and 0 for an answer where nothing is meant; and the summed intersections
    by the summed unions, to which the pixels of such an answer belong. They are mIoU and oIoU where every sample has a
    target. refused_95: share of the samples without a target whose score is below the threshold that keeps 95 %
    of those with one. ece: expected calibration error of the score as the probability of being right, see `is_right`;
    NaN where scores are no probabilities.
    """

    samples: int
    with_target: int
    oiou: Estimate
    miou: Estimate
    precision_50: Estimate
    precision_70: Estimate
    precision_90: Estimate
    ceiling: Estimate
    clip_miou: Estimate
    auroc_score: Estimate
    auroc_similarity: Estimate
    auroc_margin: Estimate
    f1: Estimate
    t_acc: Estimate
    n_acc: Estimate
    single_miou: Estimate
    plural_miou: Estimate
    refused_95: Estimate
    ece: Estimate
    giou: Estimate
    ciou: Estimate

    def row(self) -> dict[str, float]:
        """Flat, for one line of a table: each figure, then its _low and _high."""
        row: dict[str, float] = {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, Estimate):
                row |= {
                    entry.name: value.value,
                    f"{entry.name}_low": value.low,
                    f"{entry.name}_high": value.high,
                }
            else:
                row[entry.name] = value
        return row


def overlap(answer: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[int, int]:
    """Pixels in both masks and in either one (H×W bool each). Raises ValueError on unequal shapes."""
    if answer.shape != truth.shape:
        raise ValueError(f"masks of unequal shapes {answer.shape} and {truth.shape}")
    return int(np.count_nonzero(answer & truth)), int(np.count_nonzero(answer | truth))


def iou(intersection: int, union: int) -> float:
    """IoU from pixel counts; 0 when the union is empty (§4.1)."""
    return intersection / union if union else 0.0


def mask_ious(masks: NDArray[np.bool_], truth: NDArray[np.bool_]) -> Floats:
    """IoU of each of N masks (N×H×W bool) with one truth (H×W bool): N float64."""
    flat = masks.reshape(len(masks), truth.size)
    intersections = np.count_nonzero(flat[:, truth.ravel()], axis=1)
    unions = np.count_nonzero(flat, axis=1) + np.count_nonzero(truth) - intersections
    return intersections / np.maximum(unions, 1)


def auroc(positive: NDArray[np.bool_], confidence: Floats, weights: Floats | None = None) -> Floats:
    """Area under the ROC curve: how often a positive's confidence is above a negative's, a tie counting half.

    positive: n bool; confidence: n, −inf allowed; weights: R×n, how often each sample counts in each of R
    resamples. Returns R float64 (R = 1 without weights), NaN where one class is absent.
    """
    if weights is None:
        weights = np.ones((1, len(positive)))
    if not len(positive):
        return np.full(len(weights), np.nan)
    levels, rank = np.unique(confidence, return_inverse=True)
    order = np.argsort(rank, kind="stable")
    starts = np.searchsorted(rank[order], np.arange(len(levels)))
    positives = np.add.reduceat((weights * positive)[:, order], starts, axis=1)
    negatives = np.add.reduceat((weights * ~positive)[:, order], starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    return _ratio((positives * below).sum(1), positives.sum(1) * negatives.sum(1))


def f1(positive: NDArray[np.bool_], found: NDArray[np.bool_], weights: Floats | None = None) -> Floats:
    """F1 of `found` (n bool) against `positive` (n bool): R float64; weights as in `auroc`."""
    if weights is None:
        weights = np.ones((1, len(positive)))
    hits = weights @ (positive & found)
    return _ratio(2 * hits, weights @ positive.astype(float) + weights @ found.astype(float))


def summarise(
    outcomes: Sequence[Outcome], *, resamples: int = RESAMPLES, coverage: float = COVERAGE, seed: int = 0
) -> Summary:
    """All figures with percentile bootstrap intervals over the expressions; the same seed gives the same
    intervals."""
    targets = [outcome for outcome in outcomes if outcome.has_target]
    figures = _bootstrap(segmentation, segmentation_columns(targets), resamples, coverage, seed)
    if 0 < len(targets) < len(outcomes):
        figures |= _bootstrap(_detection, _detection_columns(outcomes), resamples, coverage, seed)
    else:
        figures |= dict.fromkeys((*(f"auroc_{name}" for name in CONFIDENCES), "f1", "refused_95"), _UNKNOWN)
    figures |= _bootstrap(_calibration, _calibration_columns(outcomes), resamples, coverage, seed)
    figures |= _bootstrap(decision, decision_columns(outcomes), resamples, coverage, seed)
    figures |= _bootstrap(generalised, generalised_columns(outcomes), resamples, coverage, seed)
    return Summary(len(outcomes), len(targets), **figures)


def column(outcomes: Sequence[Outcome], name: str) -> Floats:
    """One field of n outcomes: n float64, NaN where it does not apply, as the ceiling of answers without proposals."""
    return np.array([np.nan if (value := getattr(outcome, name)) is None else value for outcome in outcomes], float)


def mean_timings(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Mean seconds of each stage over the outcomes that ran it, in order of first appearance."""
    seconds: dict[str, list[float]] = {}
    for outcome in outcomes:
        for stage, value in outcome.timings.items():
            seconds.setdefault(stage, []).append(value)
    return {stage: float(np.mean(values)) for stage, values in seconds.items()}


_UNKNOWN = Estimate(np.nan, np.nan, np.nan)


def segmentation_columns(targets: Sequence[Outcome]) -> dict[str, Floats]:
    columns = {name: column(targets, name) for name in ("intersection", "union", "iou", "ceiling", "clip_iou")}
    columns["plural"] = np.array([PLURAL in outcome.tags for outcome in targets], dtype=float)
    hits = {f"precision_{round(100 * limit)}": (columns["iou"] >= limit).astype(float) for limit in THRESHOLDS}
    return columns | hits


def segmentation(columns: dict[str, Floats], weights: Floats) -> dict[str, Floats]:
    sums = {name: weights @ values for name, values in columns.items()}
    count = weights.sum(1)
    means = {"miou": "iou", "ceiling": "ceiling", "clip_miou": "clip_iou"}
    means |= {name: name for name in columns if name.startswith("precision")}
    figures = {figure: _ratio(sums[column], count) for figure, column in means.items()}
    of_plural = weights @ (columns["iou"] * columns["plural"])
    figures |= {
        "plural_miou": _ratio(of_plural, sums["plural"]),
        "single_miou": _ratio(sums["iou"] - of_plural, count - sums["plural"]),
    }
    # Expressions whose unions are all empty count as missed, like one such expression does in mIoU.
    return figures | {"oiou": np.where(count > 0, sums["intersection"] / np.maximum(sums["union"], 1), np.nan)}


def _detection_columns(outcomes: Sequence[Outcome]) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = {
        name: np.array([getattr(outcome, name) for outcome in outcomes]) for name in ("has_target", "found")
    }
    for name in CONFIDENCES:
        values = [getattr(outcome, name) for outcome in outcomes]
        columns[name] = np.array([-np.inf if value is None else value for value in values])
    return columns


def _detection(columns: dict[str, NDArray[Any]], weights: Floats) -> dict[str, Floats]:
    positive = columns["has_target"]
    unknown = np.full(len(weights), np.nan)
    known = {name: bool(np.isfinite(columns[name]).any()) for name in CONFIDENCES}
    figures = {
        f"auroc_{name}": auroc(positive, columns[name], weights) if known[name] else unknown for name in CONFIDENCES
    }
    figures["refused_95"] = refused(positive, columns["score"], KEPT, weights) if known["score"] else unknown
    return figures | {"f1": f1(positive, columns["found"], weights)}


def _calibration_columns(outcomes: Sequence[Outcome]) -> dict[str, NDArray[Any]]:
    known = any(outcome.score is not None for outcome in outcomes)
    return {
        "score": np.array([(outcome.score or 0.0) if known else np.nan for outcome in outcomes], dtype=float),
        "right": np.array([is_right(outcome) for outcome in outcomes], dtype=bool),
    }


def _calibration(columns: dict[str, NDArray[Any]], weights: Floats) -> dict[str, Floats]:
    return {"ece": calibration_error(columns["score"], columns["right"], BINS, weights)}


def decision_columns(outcomes: Sequence[Outcome]) -> dict[str, NDArray[Any]]:
    return {
        name: np.array([getattr(outcome, name) for outcome in outcomes], dtype=bool) for name in ("has_target", "found")
    }


def decision(columns: dict[str, NDArray[Any]], weights: Floats) -> dict[str, Floats]:
    present, found = columns["has_target"], columns["found"]
    return {
        "t_acc": _ratio(weights @ (present & found), weights @ present.astype(float)),
        "n_acc": _ratio(weights @ (~present & ~found), weights @ (~present).astype(float)),
    }


def generalised_columns(outcomes: Sequence[Outcome]) -> dict[str, Floats]:
    return {
        "value": np.array([value_of(outcome) for outcome in outcomes], dtype=float),
        "intersection": np.array([outcome.intersection * outcome.found for outcome in outcomes], dtype=float),
        "union": np.array([outcome.union for outcome in outcomes], dtype=float),
    }


def generalised(columns: dict[str, Floats], weights: Floats) -> dict[str, Floats]:
    count = weights.sum(1)
    union = weights @ columns["union"]
    return {
        "giou": _ratio(weights @ columns["value"], count),
        "ciou": np.where(count > 0, weights @ columns["intersection"] / np.maximum(union, 1), np.nan),
    }


def value_of(outcome: Outcome) -> float:
    """What a sample adds to gIoU: the IoU of its answer, or 1 where nothing is meant and nothing was answered."""
    return (outcome.iou or 0.0) * outcome.found if outcome.has_target else float(not outcome.found)


def _bootstrap(
    measure: Any, columns: dict[str, NDArray[Any]], resamples: int, coverage: float, seed: int
) -> dict[str, Estimate]:
    count = len(next(iter(columns.values())))
    values = measure(columns, np.ones((1, count)))
    drawn = [measure(columns, weights) for weights in draws(count, resamples, seed)]
    estimates = {}
    for name, value in values.items():
        spread = np.concatenate([figures[name] for figures in drawn]) if drawn else np.empty(0)
        spread = spread[~np.isnan(spread)]
        tail = (1 - coverage) / 2
        low, high = np.quantile(spread, [tail, 1 - tail]) if len(spread) else (np.nan, np.nan)
        estimates[name] = Estimate(float(value[0]), float(low), float(high))
    return estimates


def draws(count: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each of `count` samples is drawn in each resample, some resamples at a time (bounds the
    memory)."""
    if not count:
        return
    generator = np.random.default_rng(seed)
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        rows = min(_RESAMPLES_AT_ONCE, resamples - start)
        picks = generator.integers(count, size=(rows, count)) + np.arange(rows)[:, None] * count
        yield np.bincount(picks.ravel(), minlength=rows * count).reshape(rows, count).astype(float)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
