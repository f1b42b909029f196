"""Where a method loses: the figures again, grouped by what the expression says and what the image holds."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hybridgl_ros.evaluation.confidence import calibration_error, is_right, refused
from hybridgl_ros.evaluation.metrics import BINS as CALIBRATION_BINS
from hybridgl_ros.evaluation.metrics import KEPT, THRESHOLDS, auroc, column
from hybridgl_ros.evaluation.samples import Outcome


@dataclass(frozen=True)
class Row:
    """The samples that share one value of a factor; figures as in `metrics.Summary`.

    found: share that was answered. ece: of the group's scores. auroc_score, refused_95: of the group's samples without
    a target against all samples that have one; NaN for groups with a target, whose other figures are NaN in turn.
    """

    factor: str
    group: str
    samples: int
    oiou: float
    miou: float
    precision_50: float
    ceiling: float
    clip_miou: float
    found: float
    ece: float
    auroc_score: float
    refused_95: float


@dataclass(frozen=True)
class Bins:
    """Half-open bins [edge, next edge) of a number; labels has one entry more than edges."""

    edges: tuple[float, ...]
    labels: tuple[str, ...]

    def label(self, value: float) -> str:
        """The label of the bin that holds the value."""
        return self.labels[bisect_right(self.edges, value)]


ABSENT = "absent"
"""The factor of the samples without a target."""

TARGET_AREA = Bins((0.01, 0.03, 0.1, 0.3), ("< 1 %", "1–3 %", "3–10 %", "10–30 %", "≥ 30 %"))
PROPOSALS = Bins((1, 6, 11, 21, 41), ("0", "1–5", "6–10", "11–20", "21–40", "> 40"))
WORDS = Bins((3, 5, 8, 13), ("1–2 words", "3–4 words", "5–7 words", "8–12 words", "> 12 words"))

FACTORS: dict[str, Callable[[Outcome], str]] = {
    "relation": lambda outcome: outcome.parse.get("relation", "none"),
    "position": lambda outcome: outcome.parse.get("position", "none"),
    "target size": lambda outcome: TARGET_AREA.label(outcome.target_area or 0.0),
    "proposals": lambda outcome: PROPOSALS.label(outcome.n_proposals),
    "length": lambda outcome: WORDS.label(len(outcome.expression.split())),
}
"""What to group by; each gives a sample's group. Tags are grouped too, a sample then counts once a tag."""

_ORDER = {label: place for bins in (TARGET_AREA, PROPOSALS, WORDS) for place, label in enumerate(bins.labels)}


def breakdown(outcomes: Sequence[Outcome]) -> list[Row]:
    """One row for each group of each factor that occurs: bins in their order, words by how often they
    occur.

    Samples without a target are grouped by tag, under a factor of their own.
    """
    targets = [outcome for outcome in outcomes if outcome.has_target]
    rows = []
    for factor, group_of in FACTORS.items():
        if factor == "proposals" and all(outcome.ceiling is None for outcome in targets):
            continue
        rows += _rows(factor, [(group_of(outcome), outcome) for outcome in targets], present_row)
    rows += _rows("tag", _by_tag(targets), present_row)

    def absent_row(factor: str, group: str, members: list[Outcome]) -> Row:
        return row_of_absent(factor, group, members, targets)

    return rows + _rows(ABSENT, _by_tag([outcome for outcome in outcomes if not outcome.has_target]), absent_row)


def _by_tag(outcomes: Sequence[Outcome]) -> list[tuple[str, Outcome]]:
    return [(tag, outcome) for outcome in outcomes for tag in dict.fromkeys(outcome.tags)]


def _rows(
    factor: str, labelled: list[tuple[str, Outcome]], make: Callable[[str, str, list[Outcome]], Row]
) -> list[Row]:
    groups: dict[str, list[Outcome]] = {}
    for label, outcome in labelled:
        groups.setdefault(label, []).append(outcome)
    rows = [make(factor, label, members) for label, members in groups.items()]
    return sorted(rows, key=lambda row: (_ORDER.get(row.group, 0), -row.samples, row.group))


def present_row(factor: str, group: str, members: list[Outcome]) -> Row:
    """The figures of samples with a target."""

    def mean(name: str) -> float:
        return float(np.mean(column(members, name)))

    union = sum(outcome.union for outcome in members)
    return Row(
        factor=factor,
        group=group,
        samples=len(members),
        oiou=sum(outcome.intersection for outcome in members) / max(union, 1),
        miou=mean("iou"),
        precision_50=float(np.mean([(outcome.iou or 0.0) >= THRESHOLDS[0] for outcome in members])),
        ceiling=mean("ceiling"),
        clip_miou=mean("clip_iou"),
        found=mean("found"),
        ece=_ece(members),
        auroc_score=math.nan,
        refused_95=math.nan,
    )


def row_of_absent(factor: str, group: str, members: list[Outcome], targets: list[Outcome]) -> Row:
    """The figures of samples without a target."""
    both = [*targets, *members]
    positive = np.arange(len(both)) < len(targets)
    score = np.array([-np.inf if outcome.score is None else outcome.score for outcome in both])
    once = np.ones((1, len(both)))
    known = bool(np.isfinite(score).any())
    return Row(
        factor=factor,
        group=group,
        samples=len(members),
        oiou=math.nan,
        miou=math.nan,
        precision_50=math.nan,
        ceiling=math.nan,
        clip_miou=math.nan,
        found=float(np.mean([outcome.found for outcome in members])),
        ece=_ece(members),
        auroc_score=float(auroc(positive, score)[0]) if known else math.nan,
        refused_95=float(refused(positive, score, KEPT, once)[0]) if known else math.nan,
    )


def _ece(members: list[Outcome]) -> float:
    if all(outcome.score is None for outcome in members):
        return math.nan
    scores = np.array([outcome.score or 0.0 for outcome in members])
    right = np.array([is_right(outcome) for outcome in members])
    return float(calibration_error(scores, right, CALIBRATION_BINS, np.ones((1, len(members))))[0])
