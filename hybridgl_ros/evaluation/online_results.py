"""What an online evaluation leaves behind: online.json and the tables on the screen."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from hybridgl_ros.evaluation.metrics import Summary
from hybridgl_ros.evaluation.online import Agreement, Frames, OnlineResult
from hybridgl_ros.evaluation.results import write_whole
from hybridgl_ros.evaluation.screen import interval, percent

NAME = "online.json"
UNKNOWN_ONLINE = ("ceiling", "clip_miou", "ece")
"""Figures that need the proposals, which a node does not publish."""


def write_online(result: OnlineResult, agreement: Agreement | None, facts: Mapping[str, Any], out: Path) -> Path:
    """online.json: figures, frames, latency, agreement, and every scored frame. facts: about the run, go first."""
    content = {
        **facts,
        "complete": result.complete,
        "notes": result.notes,
        "expected": result.expected,
        "frames": asdict(result.frames),
        "latency": asdict(result.latency),
        "replies_not_scored": result.unscored,
        "summary": figures(result.summary),
        "agreement": None if agreement is None else asdict(agreement),
        "results": [entry.record() for entry in result.scored],
    }
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / NAME, json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    return out / NAME


def figures(summary: Summary) -> dict[str, float | None]:
    """A summary's figures that are known online, as fractions; None when there is nothing to measure."""
    row = {name: value for name, value in summary.row().items() if not name.startswith(UNKNOWN_ONLINE)}
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}


def print_online(result: OnlineResult, agreement: Agreement | None, title: str, console: Console) -> None:
    """The figures in percent, then the frames, the latency and the agreement in words."""
    summary, latency = result.summary, result.latency
    table = Table("scored", "oIoU", "mIoU", "P@0.5", "P@0.7", "P@0.9", title=title, title_justify="left")
    table.add_row(
        str(summary.samples),
        interval(summary.oiou),
        interval(summary.miou),
        *(percent(figure.value) for figure in (summary.precision_50, summary.precision_70, summary.precision_90)),
    )
    console.print(table)
    lines = [frames_text(result.frames)]
    if latency.p50 is not None and latency.p95 is not None and latency.maximum is not None:
        lines.append(
            f"latency from image to answer: p50 {1000 * latency.p50:.0f} ms, p95 {1000 * latency.p95:.0f} ms, "
            f"max {1000 * latency.maximum:.0f} ms"
        )
    if not math.isnan(summary.f1.value):
        lines.append(f"found: F1 {percent(summary.f1.value)}, AUROC by score {percent(summary.auroc_score.value)}")
    if agreement is not None:
        lines.append(agreement_text(agreement))
    for line in [*lines, *result.notes]:
        console.print(line, soft_wrap=True)


def frames_text(frames: Frames) -> str:
    """How many frames there were and what became of them."""
    seen = "unknown how many" if frames.seen is None else str(frames.seen)
    skipped = "" if frames.skipped is None else f", {frames.skipped} skipped"
    return (
        f"frames: {frames.played} played, {seen} seen by the node, {frames.answered} answered{skipped}; "
        f"{frames.scored} answered under their own expression and scored"
    )


def agreement_text(agreement: Agreement) -> str:
    """How far the node and the library give the same answers."""
    text = f"against offline: {agreement.both} frames seen by both, {agreement.equal} equal"
    if agreement.differing:
        shown = ", ".join(agreement.differing[:5])
        text += f"; different: {shown}{' …' if len(agreement.differing) > 5 else ''}"
    return f"{text}; scores differ by at most {agreement.score_difference:.2g}"
