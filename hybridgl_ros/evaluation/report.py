"""The one-page report: tables, figures, and the cases worth looking at, in one HTML file without outside parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from markupsafe import Markup

from hybridgl_ros.config import values_of
from hybridgl_ros.evaluation import cases
from hybridgl_ros.evaluation.breakdown import ABSENT, breakdown
from hybridgl_ros.evaluation.figures import breakdown_figure, histogram_figure, runs_figure
from hybridgl_ros.evaluation.metrics import THRESHOLDS
from hybridgl_ros.evaluation.results import Line, expression_times, stage_times, write_whole
from hybridgl_ros.evaluation.runner import Finished
from hybridgl_ros.evaluation.screen import cache_text, interval, percent, signed, warnings
from hybridgl_ros.pages import render

TEMPLATES = "hybridgl_ros.evaluation"
FILTERS: dict[str, Callable[..., str]] = {"percent": percent, "signed": signed, "interval": interval}

GALLERIES = (
    ("Nearest misses", "A right proposal was there and lost by little: what scoring could win.", cases.nearest_misses),
    ("Worst", "The lowest IoU, the most confident answers first.", cases.worst),
    ("Best", "The highest IoU.", cases.best),
)


def write_report(finished: Finished, lines: Sequence[Line], title: str, out: Path) -> None:
    """report.html. The breakdown and the cases are those of the run with the highest mIoU."""
    write_whole(out / "report.html", render(TEMPLATES, "report.html.j2", contents(finished, lines, title), FILTERS))


def contents(finished: Finished, lines: Sequence[Line], title: str) -> dict[str, Any]:
    """What the template shows."""
    shown = max(lines, key=lambda line: (line.summary.miou.value == line.summary.miou.value, line.summary.miou.value))
    entry = shown.answered
    dataset = finished.job.datasets[entry.split]
    rows = breakdown(entry.outcomes)
    factors = [(factor, list(group)) for factor, group in groupby(rows, key=lambda row: row.factor) if factor != ABSENT]
    with_targets = bool(shown.summary.with_target)
    return {
        "title": title,
        "finished": finished,
        "lines": lines,
        "shown": shown,
        "thresholds": THRESHOLDS,
        "dataset": dataset.name,
        "with_targets": with_targets,
        "with_paper": any(line.reported.oiou is not None for line in lines),
        "several_splits": len({line.answered.split for line in lines}) > 1,
        "with_absent": any(line.summary.samples > line.summary.with_target > 0 for line in lines),
        "with_plural": any(not math.isnan(line.summary.plural_miou.value) for line in lines),
        "refusals": [row for row in rows if row.factor == ABSENT],
        "warnings": warnings(finished, any(line.reported.oiou is not None for line in lines)),
        "runs_figure": Markup(runs_figure(lines)) if with_targets else "",
        "histogram": Markup(histogram_figure(entry.outcomes)) if with_targets else "",
        "breakdowns": [(factor, group, Markup(breakdown_figure(group))) for factor, group in factors],
        "stages": stage_times(finished),
        "expression_times": expression_times(entry),
        "cache": cache_text(finished),
        "galleries": [
            (name, text, cases.draw_cases(choose(entry.answers), entry, dataset)) for name, text, choose in GALLERIES
        ],
        "settings": values_of(entry.run.config),
        "models": finished.key["models"],
    }
