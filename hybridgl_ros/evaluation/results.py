"""What an evaluation leaves behind: results.json, summary.csv, timings.json, and the table on the screen.

results.json and summary.csv hold nothing that was timed, so that the same evaluation gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from hybridgl_ros.evaluation.metrics import Estimate, Summary, mean_timings, summarise
from hybridgl_ros.evaluation.plan import Reported
from hybridgl_ros.evaluation.runner import Answered, Finished

IMAGE_STAGES = ("proposals", "features", "localisation", "activations")


@dataclass(frozen=True)
class Line:
    """One line of the summary: a run on a split, its figures, and what the paper reports for it."""

    answered: Answered
    summary: Summary
    reported: Reported

    @property
    def differences(self) -> tuple[float | None, float | None]:
        """oIoU and mIoU minus the paper's; None where the paper reports nothing."""
        pairs = ((self.summary.oiou, self.reported.oiou), (self.summary.miou, self.reported.miou))
        oiou, miou = (None if paper is None else ours.value - paper for ours, paper in pairs)
        return oiou, miou


@dataclass(frozen=True)
class StageTime:
    """One stage over all images of a job; seconds, means over the images. cost: when what was loaded was computed."""

    stage: str
    computed: int
    compute_mean: float
    loaded: int
    load_mean: float
    cost: float
    spent: float


def summary_lines(finished: Finished) -> list[Line]:
    """The figures of every run on every split."""
    dataset = next(iter(finished.job.datasets.values())).name
    return [
        Line(entry, summarise(entry.outcomes), entry.run.reported(dataset, entry.split)) for entry in finished.answered
    ]


def write_results(finished: Finished, out: Path) -> None:
    """results.json: every expression of every run, with its scores, IoU, chosen proposal, mask (COCO RLE) and parse."""
    content = {
        "complete": finished.complete,
        **finished.key,
        "results": [result(entry, answer) for entry in finished.answered for answer in entry.answers],
    }
    write_whole(out / "results.json", json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def result(entry: Answered, answer: Mapping[str, Any]) -> dict[str, Any]:
    """One expression's entry of results.json."""
    outcome = {name: value for name, value in answer["outcome"].items() if name != "timings"}
    rest = {name: value for name, value in answer.items() if name != "outcome"}
    return {"split": entry.split, "run": entry.run.name, **outcome, **rest}


def write_summary(lines: Sequence[Line], dataset: str, out: Path) -> None:
    """summary.csv: one line a run and split; figures as fractions with their 95 % intervals, empty when unknown."""
    rows = []
    for line in lines:
        differences = line.differences
        rows.append(
            {
                "dataset": dataset,
                "split": line.answered.split,
                "run": line.answered.run.name,
                "method": line.answered.run.method,
                "expected": line.answered.expected,
                **line.summary.row(),
                "paper_oiou": line.reported.oiou,
                "paper_miou": line.reported.miou,
                "oiou_difference": differences[0],
                "miou_difference": differences[1],
            }
        )
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: plain(value) for name, value in row.items()} for row in rows)
    write_whole(out / "summary.csv", text.getvalue())


def write_timings(finished: Finished, out: Path) -> None:
    """timings.json: what the stages took, in seconds."""
    content = {
        "seconds": finished.seconds,
        "images_resumed": finished.resumed,
        "cache_entries_damaged": finished.damaged,
        "image_stages": {entry.stage: vars(entry) for entry in stage_times(finished)},
        "expression_stages": {
            f"{entry.split} {entry.run.name}": expression_times(entry) for entry in finished.answered
        },
    }
    write_whole(out / "timings.json", json.dumps(content, indent=1) + "\n")


def stage_times(finished: Finished) -> list[StageTime]:
    """The image stages, in the order in which they run."""
    found = []
    for stage in dict.fromkeys(usage["stage"] for usage in finished.stages):
        computed = [usage["seconds"] for usage in finished.stages if usage["stage"] == stage and not usage["cached"]]
        loaded = [usage for usage in finished.stages if usage["stage"] == stage and usage["cached"]]
        spent = [usage["seconds"] for usage in loaded]
        found.append(
            StageTime(
                stage,
                len(computed),
                mean(computed),
                len(loaded),
                mean(spent),
                sum(usage["cost"] for usage in loaded),
                sum(spent),
            )
        )
    return found


def expression_times(entry: Answered) -> dict[str, float]:
    """Mean seconds of the stages that every expression costs."""
    return {stage: seconds for stage, seconds in mean_timings(entry.outcomes).items() if stage not in IMAGE_STAGES}


def cache_text(finished: Finished) -> str:
    """What the cache spared, as measured: what its entries took to compute against what they took to load."""
    times = stage_times(finished)
    cost, spent = sum(entry.cost for entry in times), sum(entry.spent for entry in times)
    computed = sum(entry.compute_mean * entry.computed for entry in times)
    text = f"image stages: {computed:.1f} s computed"
    if spent:
        text += f"; from the cache what took {cost:.1f} s to compute, in {spent:.1f} s ({cost / spent:.0f}×)"
    if finished.damaged:
        text += f"; {finished.damaged} cache entries were damaged and computed anew"
    return text


def print_summary(finished: Finished, lines: Sequence[Line], title: str, console: Console) -> None:
    """The table, ours beside the paper's where it reports one, in percent."""
    with_paper = any(line.reported.oiou is not None for line in lines)
    several = len({line.answered.split for line in lines}) > 1
    headings = [
        *(["split"] if several else []),
        "run",
        "oIoU",
        *(["paper", "diff"] if with_paper else []),
        "mIoU",
        *(["paper", "diff"] if with_paper else []),
        "P@0.5",
        "P@0.7",
        "P@0.9",
        "ceiling",
        "CLIP only",
    ]
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("run", "split") else "right", no_wrap=True)
    for line in lines:
        summary, difference = line.summary, line.differences
        beside = [
            [percent(line.reported.oiou), signed(difference[0])],
            [percent(line.reported.miou), signed(difference[1])],
        ]
        table.add_row(
            *([line.answered.split] if several else []),
            line.answered.run.name,
            interval(summary.oiou),
            *(beside[0] if with_paper else []),
            interval(summary.miou),
            *(beside[1] if with_paper else []),
            *(
                percent(figure.value)
                for figure in (
                    summary.precision_50,
                    summary.precision_70,
                    summary.precision_90,
                    summary.ceiling,
                    summary.clip_miou,
                )
            ),
        )
    wide = console if console.is_terminal else Console(file=console.file, width=200)
    wide.print(table)
    for text in (*found_texts(lines), counts_text(lines), cache_text(finished), *warnings(finished, with_paper)):
        wide.print(text, highlight=False, markup=False)


def found_texts(lines: Sequence[Line]) -> list[str]:
    """How well `found` tells expressions with a referent from those without, for runs that have both."""
    return [
        f"{line.answered.run.name}: found F1 {percent(line.summary.f1.value)}, AUROC by score "
        f"{percent(line.summary.auroc_score.value)}, by similarity {percent(line.summary.auroc_similarity.value)}, "
        f"by margin {percent(line.summary.auroc_margin.value)}"
        for line in lines
        if not math.isnan(line.summary.f1.value)
    ]


def counts_text(lines: Sequence[Line]) -> str:
    """How many expressions the figures are of."""
    counts = {line.answered.split: line.summary for line in lines}
    return "; ".join(
        f"{split}: {summary.samples} expressions, {summary.samples - summary.with_target} of them without a referent"
        for split, summary in counts.items()
    )


def warnings(finished: Finished, with_paper: bool) -> list[str]:
    """What a reader must know before comparing."""
    found = []
    if not finished.complete:
        found.append("stopped early: the figures are of a part of the split, do not compare them")
    elif with_paper and finished.job.limit is not None:
        found.append(f"limited to {finished.job.limit} expressions a split: the paper's figures are of the whole split")
    return found


def interval(estimate: Estimate) -> str:
    """A figure with its interval, in percent."""
    if math.isnan(estimate.value):
        return "–"
    return f"{100 * estimate.value:.2f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def percent(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{100 * value:.2f}"


def signed(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{100 * value:+.2f}"


def plain(value: Any) -> Any:
    """A cell of a CSV file."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6f}"
    return "" if value is None else value


def mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def write_whole(path: Path, text: str) -> None:
    """Write a file that is either the old or the new one, never half of it."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
