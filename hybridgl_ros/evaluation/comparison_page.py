"""A comparison for people: a table on the screen, and one HTML page without outside parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup
from rich.console import Console
from rich.table import Table

from hybridgl_ros.drawing import data_uri, outline
from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.cases import TRUTH, WIDTH, overlay
from hybridgl_ros.evaluation.comparison import ALL, FEWEST, FIGURES, Comparison, Pair, verdict
from hybridgl_ros.evaluation.datasets.segmentations import decode_segmentation
from hybridgl_ros.evaluation.figures import differences_figure
from hybridgl_ros.evaluation.finished_runs import FinishedRun, Key
from hybridgl_ros.evaluation.metrics import Estimate, value_of
from hybridgl_ros.evaluation.report import FILTERS, TEMPLATES
from hybridgl_ros.evaluation.results import write_whole
from hybridgl_ros.evaluation.samples import Outcome, ReferringDataset, Sample
from hybridgl_ros.evaluation.screen import percent, plain_console, signed
from hybridgl_ros.pages import render

GROUPS_DRAWN = 16
"""Groups in the figure; the table has all."""


@dataclass(frozen=True)
class Disagreement:
    """One expression as both runs answered it. truth, answers: pictures as data URIs, with the truth outlined."""

    outcome: Outcome
    values: tuple[float, float]
    found: tuple[bool, bool]
    truth: str
    answers: tuple[str, str]


def write_comparison(comparison: Comparison, splits: Mapping[str, ReferringDataset], path: Path, title: str) -> None:
    """The page. splits: the data sets to take pictures from; a split that is not there has none."""
    contents = {
        "title": title,
        "comparison": comparison,
        "first": comparison.runs[0],
        "figures": shown_figures(comparison),
        "fewest": FEWEST,
        "pairs": [
            {
                "pair": pair,
                "differences": Markup(figures_drawn(comparison, pair)),
                "groups": Markup(groups_drawn(pair)) if len(pair.groups) > 1 else "",
                "galleries": [
                    (better, draw_disagreements(comparison.runs[0], pair.other, keys, splits))
                    for better, keys in ((pair.other.name, pair.better), (comparison.runs[0].name, pair.worse))
                ],
            }
            for pair in comparison.pairs
        ],
    }
    filters: dict[str, Callable[..., str]] = {**FILTERS, "verdict": verdict, "difference": difference_text}
    write_whole(path, render(TEMPLATES, "comparison.html.j2", contents, filters))


def shown_figures(comparison: Comparison) -> dict[str, str]:
    """The figures that any run has, with their names for people."""
    return {
        name: text
        for name, text in FIGURES.items()
        if not all(np.isnan(figures[name].value) for figures in comparison.figures)
    }


def figures_drawn(comparison: Comparison, pair: Pair) -> str:
    """The differences of all figures as SVG."""
    shown = shown_figures(comparison)
    return differences_figure([(text, pair.differences[name]) for name, text in shown.items()])


def groups_drawn(pair: Pair) -> str:
    """The differences of the most frequent groups as SVG."""
    sure = [group for group in pair.groups if group.name != ALL and not np.isnan(group.difference.low)]
    groups = (sure or [group for group in pair.groups if group.name != ALL])[:GROUPS_DRAWN]
    return differences_figure([(f"{group.name}  ({group.samples})", group.difference) for group in groups])


def draw_disagreements(
    first: FinishedRun, other: FinishedRun, keys: Sequence[Key], splits: Mapping[str, ReferringDataset]
) -> list[Disagreement]:
    """Pictures of samples that are still there, and of the size they were evaluated at."""
    samples: dict[Key, Sample] = {
        (split, sample.id): sample for split, dataset in splits.items() for sample in dataset.samples
    }
    found = []
    for key in keys:
        if key not in samples:
            continue
        dataset, sample = splits[key[0]], samples[key]
        try:
            image, truth = dataset.image(sample.image_id), dataset.mask(sample)
            masks = [decode_segmentation(run.masks[key], truth.shape, " ".join(key)) for run in (first, other)]
        except DatasetError:
            continue
        plain = np.ascontiguousarray(image)
        outline(plain, truth, TRUTH, max(1, round(max(image.shape[:2]) / 125)))
        outcomes = first.outcomes[key], other.outcomes[key]
        found.append(
            Disagreement(
                outcomes[0],
                (value_of(outcomes[0]), value_of(outcomes[1])),
                (outcomes[0].found, outcomes[1].found),
                data_uri(plain, WIDTH),
                (
                    data_uri(overlay(image, masks[0], truth), WIDTH),
                    data_uri(overlay(image, masks[1], truth), WIDTH),
                ),
            )
        )
    return found


def print_comparison(comparison: Comparison, title: str, console: Console) -> None:
    """Every figure of every run in percent, beside each other run's difference from the first one."""
    table = Table(title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    for run in comparison.runs:
        table.add_column(run.name, justify="right")
    for pair in comparison.pairs:
        table.add_column(f"{pair.other.name} − {comparison.runs[0].name}", justify="right")
    for name, text in shown_figures(comparison).items():
        table.add_row(
            text,
            *(percent(figures[name].value) for figures in comparison.figures),
            *(difference_text(pair.differences[name]) for pair in comparison.pairs),
        )
    wide = console if console.is_terminal else plain_console(file=console.file, width=200)
    wide.print(table)
    wide.print(f"{len(comparison.runs[0].outcomes)} expressions; paired bootstrap, 95 % intervals", soft_wrap=True)
    for pair in comparison.pairs:
        for line in group_lines(comparison.runs[0].name, pair):
            wide.print(line, soft_wrap=True)
    for note in comparison.notes:
        wide.print(note, soft_wrap=True)


def group_lines(first: str, pair: Pair) -> list[str]:
    """Who wins where, for the groups in which it can be told."""
    told = [group for group in pair.groups if verdict(group.difference) in ("better", "worse")]
    return [
        f"{group.name} ({group.samples}): {pair.other.name} {verdict(group.difference)} than {first} by "
        f"{difference_text(group.difference)}; right only there {group.other}, only here {group.first}"
        for group in told
    ]


def difference_text(difference: Estimate) -> str:
    """A difference with its interval, in percent points."""
    if np.isnan(difference.low):
        return signed(difference.value)
    return f"{signed(difference.value)} [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"
