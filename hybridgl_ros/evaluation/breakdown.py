"""Where a method loses: the figures again, grouped by what the expression says and what the image holds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hybridgl_ros.evaluation.metrics import THRESHOLDS
from hybridgl_ros.evaluation.samples import Outcome


@dataclass(frozen=True)
class Row:
    """The samples that share one value of a factor; figures as in `metrics.Summary`.

    found: share that was answered. Of samples without a target (factor `ABSENT`) it is the only figure, the others
    are NaN.
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
        rows += _rows(factor, [(group_of(outcome), outcome) for outcome in targets])
    rows += _rows("tag", _by_tag(targets))
    return rows + _rows(ABSENT, _by_tag([outcome for outcome in outcomes if not outcome.has_target]))


def _by_tag(outcomes: Sequence[Outcome]) -> list[tuple[str, Outcome]]:
    return [(tag, outcome) for outcome in outcomes for tag in dict.fromkeys(outcome.tags)]


def _rows(factor: str, labelled: list[tuple[str, Outcome]]) -> list[Row]:
    groups: dict[str, list[Outcome]] = {}
    for label, outcome in labelled:
        groups.setdefault(label, []).append(outcome)
    rows = [_row(factor, label, members) for label, members in groups.items()]
    return sorted(rows, key=lambda row: (_ORDER.get(row.group, 0), -row.samples, row.group))


def _row(factor: str, group: str, members: list[Outcome]) -> Row:
    found = float(np.mean([outcome.found for outcome in members]))
    if factor == ABSENT:
        nan = float("nan")
        return Row(factor, group, len(members), nan, nan, nan, nan, nan, found)

    def mean(name: str) -> float:
        return float(np.mean([getattr(outcome, name) or 0.0 for outcome in members]))

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
        found=found,
    )
