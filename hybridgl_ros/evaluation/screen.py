"""The table on the screen, and the figures and sentences that it shares with the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from hybridgl_ros.evaluation.breakdown import ABSENT, breakdown
from hybridgl_ros.evaluation.metrics import Estimate
from hybridgl_ros.evaluation.results import Line, stage_times
from hybridgl_ros.evaluation.runner import Finished
from hybridgl_ros.tabletop.oracle import ABSENCES


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


def plain_console(**options: Any) -> Console:
    """A console that prints names and paths as they are, also those that look like rich's markup."""
    return Console(markup=False, highlight=False, **options)


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
    for name in finished.job.left_out:
        table.add_row(*([""] if several else []), name, *["–"] * (len(headings) - 1 - several))
    wide = console if console.is_terminal else plain_console(file=console.file, width=200)
    wide.print(table)
    for text in (
        *found_texts(lines),
        *plural_texts(lines),
        counts_text(lines),
        cache_text(finished),
        *warnings(finished, with_paper),
    ):
        wide.print(text)


def found_texts(lines: Sequence[Line]) -> list[str]:
    """How well `found` and `score` tell expressions with a referent from those without, for runs that have both."""
    return [
        f"{line.answered.run.name}: T-acc {percent(line.summary.t_acc.value)}, N-acc "
        f"{percent(line.summary.n_acc.value)}{refused_by_tag(line)}; gIoU {percent(line.summary.giou.value)}, cIoU "
        f"{percent(line.summary.ciou.value)}; found F1 {percent(line.summary.f1.value)}, "
        f"AUROC by score {percent(line.summary.auroc_score.value)}, "
        f"by similarity {percent(line.summary.auroc_similarity.value)}, "
        f"by margin {percent(line.summary.auroc_margin.value)}; refused by score when 95 % of the present are kept "
        f"{percent(line.summary.refused_95.value)}; ECE of score {percent(line.summary.ece.value)}"
        for line in lines
        if not math.isnan(line.summary.f1.value)
    ]


def plural_texts(lines: Sequence[Line]) -> list[str]:
    """mIoU of expressions that mean one thing and of those that mean several, where there are both."""
    return [
        f"{line.answered.run.name}: mIoU {percent(line.summary.single_miou.value)} where one thing is meant, "
        f"{percent(line.summary.plural_miou.value)} where several are"
        for line in lines
        if not math.isnan(line.summary.plural_miou.value)
    ]


def refused_by_tag(line: Line) -> str:
    """N-acc by why there is no referent, in brackets, where the data set says why."""
    rows = [row for row in breakdown(line.answered.outcomes) if row.factor == ABSENT and row.group in ABSENCES]
    texts = [f"{row.group} {percent(1 - row.found)}" for row in rows]
    return f" ({', '.join(texts)})" if texts else ""


def counts_text(lines: Sequence[Line]) -> str:
    """How many expressions the figures are of."""
    counts = {line.answered.split: line.summary for line in lines}
    return "; ".join(
        f"{split}: {summary.samples} expressions, {summary.samples - summary.with_target} of them without a referent"
        for split, summary in counts.items()
    )


def warnings(finished: Finished, with_paper: bool) -> list[str]:
    """What a reader must know before comparing."""
    found = [f"{name} is left out: {reason}" for name, reason in finished.job.left_out.items()]
    if not finished.complete:
        found.append("stopped early: the figures are of a part of the split, do not compare them")
    elif with_paper and finished.job.limit is not None:
        found.append(f"limited to {finished.job.limit} expressions a split: the paper's figures are of the whole split")
    found += [
        f"{split}: {missing.text()}; {len(missing.samples)} expressions are left out"
        for split, missing in finished.job.skipped.items()
    ]
    return [*found, *finished.job.notes]


def interval(estimate: Estimate) -> str:
    """A figure with its interval, in percent."""
    if math.isnan(estimate.value):
        return "–"
    return f"{100 * estimate.value:.2f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def percent(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{100 * value:.2f}"


def signed(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{100 * value:+.2f}"
