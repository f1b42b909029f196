"""Figures of the report as SVG text."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hybridgl_ros.evaluation.breakdown import Row
from hybridgl_ros.evaluation.metrics import Estimate
from hybridgl_ros.evaluation.results import Line
from hybridgl_ros.evaluation.samples import Outcome
from hybridgl_ros.grounding.calibration import Reliability

OURS = "#2563c9"
CEILING = "#1f2933"
CLIP_ONLY = "#d9822b"
PAPER = "#b42318"
GRID = "#d8dde3"
UNSURE = "#8a96a3"
BINS = 20
WIDE, NARROW = 11.0, 5.4
"""Widths (inches) of a figure across the page, and in one of two columns."""
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "hybridgl",
    "text.parse_math": False,
    "font.size": 9,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": "#52606d",
    "ytick.color": "#1f2933",
}


def runs_figure(lines: Sequence[Line]) -> str:
    """mIoU of every run with its interval, beside the CLIP-only figure, the ceiling and the paper's."""
    with figure(WIDE, 1.1 + 0.34 * len(lines)) as (canvas, axes):
        places = np.arange(len(lines))
        values = [100 * line.summary.miou.value for line in lines]
        spread = (
            np.array(
                [
                    [line.summary.miou.value - line.summary.miou.low, line.summary.miou.high - line.summary.miou.value]
                    for line in lines
                ]
            ).T
            * 100
        )
        axes.barh(places, values, height=0.6, color=OURS, label="mIoU")
        axes.errorbar(values, places, xerr=spread, fmt="none", ecolor="#9db8e8", capsize=2.5, linewidth=1.2)
        mark(axes, places, [line.summary.clip_miou.value for line in lines], CLIP_ONLY, "CLIP only")
        mark(axes, places, [line.summary.ceiling.value for line in lines], CEILING, "proposal ceiling")
        reported = [line.reported.miou for line in lines]
        if any(value is not None for value in reported):
            mark(axes, places, [np.nan if value is None else value for value in reported], PAPER, "paper")
        several = len({line.answered.split for line in lines}) > 1
        names = [
            f"{line.answered.split} · {line.answered.run.name}" if several else line.answered.run.name for line in lines
        ]
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        percent_axis(axes)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
        return svg(canvas)


def histogram_figure(outcomes: Sequence[Outcome]) -> str:
    """How often each IoU occurs, and each best possible one."""
    targets = [outcome for outcome in outcomes if outcome.has_target]
    with figure(WIDE, 3.0) as (canvas, axes):
        edges = [step / BINS for step in range(BINS + 1)]
        axes.hist([outcome.iou or 0.0 for outcome in targets], edges, color=OURS, label="answers", rwidth=0.92)
        if ceilings := [outcome.ceiling for outcome in targets if outcome.ceiling is not None]:
            axes.hist(ceilings, edges, color=CEILING, histtype="step", linewidth=1.3, label="best proposals")
        axes.set_xlim(0, 1)
        axes.set_xlabel("IoU")
        axes.set_ylabel("expressions")
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.legend(loc="upper center", frameon=False)
        return svg(canvas)


def breakdown_figure(rows: Sequence[Row]) -> str:
    """mIoU of each group of one factor, with the ceiling and the CLIP-only figure."""
    with figure(NARROW, 0.6 + 0.27 * len(rows)) as (canvas, axes):
        places = np.arange(len(rows))
        axes.barh(places, [100 * row.miou for row in rows], height=0.6, color=OURS, label="mIoU")
        mark(axes, places, [row.clip_miou for row in rows], CLIP_ONLY, "CLIP only")
        mark(axes, places, [row.ceiling for row in rows], CEILING, "proposal ceiling")
        axes.set_yticks(places, [f"{row.group}  ({row.samples})" for row in rows])
        axes.invert_yaxis()
        percent_axis(axes)
        return svg(canvas)


def differences_figure(rows: Sequence[tuple[str, Estimate]]) -> str:
    """Differences with their intervals around 0, in percent points; grey where they may be chance."""
    with figure(NARROW, 0.6 + 0.27 * len(rows)) as (canvas, axes):
        axes.axvline(0, color=CEILING, linewidth=0.8)
        for place, (_, entry) in enumerate(rows):
            sure = entry.low > 0 or entry.high < 0
            colour = (OURS if entry.value > 0 else PAPER) if sure else UNSURE
            axes.plot([100 * entry.low, 100 * entry.high], [place, place], color=colour, linewidth=2.2)
            axes.plot([100 * entry.value], [place], "o", color=colour, markersize=5)
        axes.set_yticks(np.arange(len(rows)), [name for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(axis="x", color=GRID, linewidth=0.6)
        axes.tick_params(length=0)
        return svg(canvas)


def mark(axes: Axes, places: np.ndarray, values: Sequence[float], colour: str, label: str) -> None:
    """Upright ticks across the bars."""
    axes.scatter(
        100 * np.asarray(values, float), places, marker="|", s=150, linewidths=2.2, color=colour, label=label, zorder=3
    )


def percent_axis(axes: Axes) -> None:
    axes.set_xlim(0, 100)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.tick_params(length=0)


@contextmanager
def figure(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure of a size in inches with one pair of axes."""
    with matplotlib.rc_context(STYLE):
        canvas = Figure(figsize=(width, height), layout="constrained")
        yield canvas, canvas.subplots()


def svg(canvas: Figure) -> str:
    """The figure as an <svg> element."""
    text = io.StringIO()
    canvas.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def reliability_figure(curve: Reliability) -> str:
    """What answers say against how often they are right; a file of its own. Areas of the dots: how many answers."""
    with figure(NARROW, NARROW) as (canvas, axes):
        axes.plot([0, 1], [0, 1], color=GRID, linewidth=1)
        axes.plot(curve.predicted, curve.observed, color=OURS, linewidth=1.2)
        axes.scatter(curve.predicted, curve.observed, s=20 + 300 * curve.counts / curve.counts.sum(), color=OURS)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_aspect("equal")
        axes.set_xlabel("score")
        axes.set_ylabel("share that is right")
        axes.set_title(f"expected calibration error {100 * curve.error:.1f} %", loc="left")
        axes.grid(color=GRID, linewidth=0.6)
        return svg(canvas)
