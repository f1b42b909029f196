"""What an evaluation leaves behind: results.json, summary.csv, breakdown.csv, timings.json.

Only the last one holds what was timed: the same evaluation gives the same bytes of the others.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from hybridgl_ros.evaluation.breakdown import Row, breakdown
from hybridgl_ros.evaluation.metrics import Summary, mean_timings, summarise
from hybridgl_ros.evaluation.plan import Reported
from hybridgl_ros.evaluation.runner import Answered, Finished

IMAGE_STAGES = ("proposals", "features", "localisation", "activations", "captions")


@dataclass(frozen=True)
class Line:
    """One line of the summary: a run on a split of a data set, its figures, and what the paper reports for it."""

    dataset: str
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
    dataset = finished.job.dataset
    return [
        Line(dataset, entry, summarise(entry.outcomes), entry.run.reported(dataset, entry.split))
        for entry in finished.answered
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


def write_summary(lines: Sequence[Line], out: Path) -> None:
    """summary.csv: one line a run and split; figures as fractions with their 95 % intervals, empty when unknown."""
    rows = [
        {
            **named(line),
            "method": line.answered.run.method,
            "expected": line.answered.expected,
            **line.summary.row(),
            "paper_oiou": line.reported.oiou,
            "paper_miou": line.reported.miou,
            "oiou_difference": line.differences[0],
            "miou_difference": line.differences[1],
        }
        for line in lines
    ]
    write_csv(rows, list(rows[0]), out / "summary.csv")


def write_breakdown(lines: Sequence[Line], out: Path) -> None:
    """breakdown.csv: one line a run, split, factor and group; figures as fractions."""
    rows = [{**named(line), **vars(row)} for line in lines for row in breakdown(line.answered.outcomes)]
    columns = ["dataset", "split", "run", *(entry.name for entry in fields(Row))]
    write_csv(rows, columns, out / "breakdown.csv")


def named(line: Line) -> dict[str, Any]:
    """What a line of a CSV file is about."""
    return {"dataset": line.dataset, "split": line.answered.split, "run": line.answered.run.name}


def write_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], path: Path) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: plain(value) for name, value in row.items()} for row in rows)
    write_whole(path, text.getvalue())


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
