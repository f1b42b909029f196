"""Runs on the same samples side by side: paired differences with intervals, who wins where, and on what they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hybridgl_ros.evaluation.confidence import RIGHT
from hybridgl_ros.evaluation.finished_runs import FinishedRun, Key
from hybridgl_ros.evaluation.metrics import (
    COVERAGE,
    RESAMPLES,
    Estimate,
    Floats,
    decision,
    decision_columns,
    draws,
    generalised,
    generalised_columns,
    segmentation,
    segmentation_columns,
    value_of,
)
from hybridgl_ros.evaluation.samples import Outcome

FIGURES = {
    "miou": "mIoU",
    "oiou": "oIoU",
    "precision_50": "P@0.5",
    "precision_70": "P@0.7",
    "precision_90": "P@0.9",
    "giou": "gIoU",
    "ciou": "cIoU",
    "t_acc": "T-acc",
    "n_acc": "N-acc",
}
"""What is compared, with the name it has for people."""
ALL = "all"
CASES = 12
"""Expressions shown for which one of two runs is better."""
FEWEST = 10
"""Samples a group needs for an interval: resamples of fewer say little but that they are few."""


@dataclass(frozen=True)
class Group:
    """The samples of one tag.

    first_value, other_value: mean of what they add to gIoU, of the first run and of the other one; the difference has
    no interval where there are fewer than `FEWEST`. first, other, both, neither: how many only the one, only the other,
    both, none got right (a value of at least `RIGHT`).
    """

    name: str
    samples: int
    first_value: float
    other_value: float
    difference: Estimate
    first: int
    other: int
    both: int
    neither: int


@dataclass(frozen=True)
class Pair:
    """Another run against the first one.

    differences: other minus first, by the names of `FIGURES`; NaN where there is nothing to measure. better, worse: the
    samples they disagree most on, where the other run is ahead and where it is behind.
    """

    other: FinishedRun
    differences: Mapping[str, Estimate]
    groups: tuple[Group, ...]
    better: tuple[Key, ...]
    worse: tuple[Key, ...]


@dataclass(frozen=True)
class Comparison:
    """Runs on the same samples in the same order, the first being what the others are compared with.

    figures: of each run, by the names of `FIGURES`, with their own intervals.
    """

    runs: tuple[FinishedRun, ...]
    figures: tuple[Mapping[str, Estimate], ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]


def compare_runs(runs: Sequence[FinishedRun], notes: Sequence[str], *, resamples: int = RESAMPLES) -> Comparison:
    """Compare runs that `comparable` gave; the same runs give the same intervals."""
    drawn = [figures_of(list(run.outcomes.values()), resamples) for run in runs]
    return Comparison(
        tuple(runs),
        tuple({name: estimate(values) for name, values in of_run.items()} for of_run in drawn),
        tuple(pair_of(runs[0], run, drawn[0], own, resamples) for run, own in zip(runs[1:], drawn[1:], strict=True)),
        tuple(notes),
    )


def figures_of(outcomes: Sequence[Outcome], resamples: int) -> dict[str, Floats]:
    """Every figure of `FIGURES` on the samples (first) and on each resample of them: 1 + R float64.

    The resamples depend on the number of samples only, so that those of two runs are of the same samples.
    """
    present = np.array([outcome.has_target for outcome in outcomes])
    targets = [outcome for outcome in outcomes if outcome.has_target]
    columns = segmentation_columns(targets), generalised_columns(outcomes), decision_columns(outcomes)
    parts: list[dict[str, Floats]] = []
    for weights in (np.ones((1, len(outcomes))), *draws(len(outcomes), resamples, 0)):
        found = segmentation(columns[0], weights[:, present]) | generalised(columns[1], weights)
        parts.append(found | decision(columns[2], weights))
    return {name: np.concatenate([part[name] for part in parts]) for name in FIGURES}


def estimate(values: Floats) -> Estimate:
    """A figure and its interval, of its value (first) and its resamples."""
    drawn = values[1:][~np.isnan(values[1:])]
    if not len(drawn) or np.isnan(values[0]):
        return Estimate(float(values[0]), np.nan, np.nan)
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(float(values[0]), float(low), float(high))


def pair_of(
    first: FinishedRun,
    other: FinishedRun,
    of_first: Mapping[str, Floats],
    of_other: Mapping[str, Floats],
    resamples: int,
) -> Pair:
    """One run against the first, given the figures of both."""
    keys = list(first.outcomes)
    values = np.array([[value_of(run.outcomes[key]) for key in keys] for run in (first, other)])
    change = values[1] - values[0]
    order = np.argsort(change, kind="stable")
    return Pair(
        other,
        {name: estimate(of_other[name] - of_first[name]) for name in FIGURES},
        tuple(groups_of([first.outcomes[key] for key in keys], values, resamples)),
        tuple(keys[place] for place in order[::-1][:CASES] if change[place] > 0),
        tuple(keys[place] for place in order[:CASES] if change[place] < 0),
    )


def groups_of(outcomes: Sequence[Outcome], values: Floats, resamples: int) -> list[Group]:
    """All samples, then those of each tag, the most frequent first. values: 2×n, of the first run and the other."""
    places: dict[str, list[int]] = {}
    for place, outcome in enumerate(outcomes):
        for tag in dict.fromkeys(outcome.tags):
            places.setdefault(tag, []).append(place)
    tags = sorted(places, key=lambda tag: (-len(places[tag]), tag))
    chosen = [(ALL, list(range(len(outcomes)))), *((tag, places[tag]) for tag in tags)]
    return [group_of(name, values[:, members], resamples) for name, members in chosen]


def group_of(name: str, values: Floats, resamples: int) -> Group:
    """One group's figures. values: 2×n."""
    count = values.shape[1]
    change = values[1] - values[0]
    means = [weights @ change / count for weights in draws(count, resamples, 0)] if count >= FEWEST else []
    right = values >= RIGHT
    return Group(
        name=name,
        samples=count,
        first_value=float(values[0].mean()),
        other_value=float(values[1].mean()),
        difference=estimate(np.concatenate([[change.mean()], *means])),
        first=int((right[0] & ~right[1]).sum()),
        other=int((~right[0] & right[1]).sum()),
        both=int((right[0] & right[1]).sum()),
        neither=int((~right[0] & ~right[1]).sum()),
    )


def verdict(difference: Estimate) -> str:
    """What an interval says of a difference: better, worse, or too close to tell."""
    if np.isnan(difference.low):
        return ""
    return "better" if difference.low > 0 else "worse" if difference.high < 0 else "too close to tell"


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison for programs; figures as fractions, None where there is nothing to measure."""
    return {
        "samples": len(comparison.runs[0].outcomes),
        "notes": list(comparison.notes),
        "runs": [
            {"name": run.name, "folder": str(run.folder), **{name: plain(value) for name, value in figures.items()}}
            for run, figures in zip(comparison.runs, comparison.figures, strict=True)
        ],
        "differences": [
            {
                "first": comparison.runs[0].name,
                "other": pair.other.name,
                **{name: plain(value) for name, value in pair.differences.items()},
                "groups": [{**vars(group), "difference": plain(group.difference)} for group in pair.groups],
                "better": [list(key) for key in pair.better],
                "worse": [list(key) for key in pair.worse],
            }
            for pair in comparison.pairs
        ],
    }


def plain(value: Estimate) -> dict[str, float | None]:
    """A figure with its interval as JSON holds it."""
    return {name: None if np.isnan(number) else number for name, number in vars(value).items()}
