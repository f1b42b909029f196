"""`hybridgl evaluate`: arguments in, an output folder and a table out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from hybridgl_ros.config import load_config
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.datasets import SOURCES, open_dataset
from hybridgl_ros.evaluation.datasets.bag_file import TOPICS, Topics
from hybridgl_ros.evaluation.plan import DEFAULT_METHOD, Run, ablation_runs, ablations, method_runs
from hybridgl_ros.evaluation.report import write_report
from hybridgl_ros.evaluation.results import (
    print_summary,
    summary_lines,
    write_results,
    write_summary,
    write_timings,
)
from hybridgl_ros.evaluation.runner import EvaluateAll, Finished, Job, evaluate_here, run_job
from hybridgl_ros.evaluation.samples import ReferringDataset
from hybridgl_ros.models.cache import cache_directory

PHOTOGRAPHS = ("refcoco", "refcoco+", "refcocog", "phrasecut")
EVERY_SPLIT = "all"
INTERRUPTED = 130


def evaluate(
    dataset: Annotated[str, typer.Option(help=f"Data set: {', '.join(SOURCES)}.")],
    out: Annotated[Path, typer.Option(help="Folder of the results; an interrupted run goes on from it.")],
    root: Annotated[
        Path | None, typer.Option(help="Where the data set lies; the tabletop's held-out set ships with the package.")
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(help="Split, the data set's usual one by default; may be repeated; all: each the paper reports."),
    ] = None,
    split_by: Annotated[str | None, typer.Option(help="RefCOCOg: umd or google.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the pictures, if not below the root.")] = None,
    topics: Annotated[
        list[str] | None,
        typer.Option("--topic", metavar="NAME=TOPIC", help="Bags: image, expression or truth topic; may be repeated."),
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="embedded, photo, or a YAML file; photo by default for data sets of photographs.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="paper or official, instead of the file's.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a setting of every row; may be repeated."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Torch device, e.g. cpu or cuda:0.")] = None,
    methods: Annotated[
        list[str] | None,
        typer.Option("--method", help="hybridgl, sam-clip, global-local, grad-cam, maskclip; may be repeated."),
    ] = None,
    ablation: Annotated[
        str | None, typer.Option(help="Run all rows of a table: table1, table3, table4, table5, relation-scale.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first expressions of each split.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one needs Ray.")] = 1,
    ray: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Ray cluster, e.g. auto or host:6379.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each process.")] = 1,
    cache: Annotated[Path | None, typer.Option(help="Folder of cached image stages.")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither read nor write the cache.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Lose results of another run in the folder.")] = False,
) -> None:
    """Score a method on a data set, beside what the paper reports.

    Writes results.json, summary.csv, timings.json and report.html. Exit code 130 when stopped by Ctrl-C, with a
    report of what was done until then.
    """
    from hybridgl_ros.cli import parsed

    overrides = {**parsed(changes or []), **({} if device is None else {"models.device": device})}
    config = config or default_config(dataset)
    loaded = load_config(config, preset=preset, overrides=overrides)
    if ablation and methods:
        raise ConfigError("--ablation brings its own methods; leave out --method or --ablation")
    runs = (
        ablation_runs(loaded, ablation, overrides)
        if ablation
        else method_runs(loaded, methods or [DEFAULT_METHOD], overrides)
    )
    options = {"split_by": split_by, "images": images, "topics": topics_of(topics or [])}
    job = Job(
        open_splits(dataset, split or [], root, options),
        runs,
        None if no_cache else cache or default_cache(),
        limit,
        threads,
    )
    finished = run_job(job, out, overwrite=overwrite, evaluate_all=evaluator(workers, ray))
    write_all(finished, title_of(dataset, config, preset, ablation, runs), out)
    if not finished.complete:
        raise typer.Exit(INTERRUPTED)


def write_all(finished: Finished, title: str, out: Path) -> None:
    """Every file of the output folder, and the table on the screen."""
    lines = summary_lines(finished)
    write_results(finished, out)
    write_summary(lines, next(iter(finished.job.datasets.values())).name, out)
    write_timings(finished, out)
    write_report(finished, lines, title, out)
    console = Console()
    print_summary(finished, lines, title, console)
    console.print(f"report: {out / 'report.html'}", highlight=False, soft_wrap=True)


def evaluator(workers: int, address: str | None) -> EvaluateAll:
    """This process, or workers on Ray. Raises ConfigError when Ray is missing."""
    if workers == 1 and address is None:
        return evaluate_here
    from hybridgl_ros.evaluation.ray_runner import on_ray

    return on_ray(workers, address)


def open_splits(
    name: str, splits: Sequence[str], root: Path | None, options: dict[str, Any]
) -> dict[str, ReferringDataset]:
    """The data set's splits by name. Raises DatasetError as `open_dataset`."""
    if EVERY_SPLIT in splits and name in SOURCES:
        splits = SOURCES[name].splits
    wanted: list[str | None] = [*splits] or [None]
    opened = [open_dataset(name, split, root, **options) for split in wanted]
    return {dataset.split: dataset for dataset in opened}


def topics_of(entries: Sequence[str]) -> Topics | None:
    """NAME=TOPIC pairs as topics, None when there are none. Raises ConfigError for an unknown name."""
    names = [entry.name for entry in fields(Topics)]
    chosen = {}
    for entry in entries:
        name, separator, topic = entry.partition("=")
        if not separator or name not in names:
            raise ConfigError(f"--topic wants NAME=TOPIC with NAME one of {', '.join(names)}; got {entry!r}")
        chosen[name] = topic
    return Topics(**{**vars(TOPICS), **chosen}) if chosen else None


def default_config(dataset: str) -> str:
    """The embedded models see no photographs."""
    return "photo" if dataset in PHOTOGRAPHS else "embedded"


def default_cache() -> Path:
    """Beside the weights, in the user's cache folder."""
    return cache_directory() / "evaluation"


def title_of(dataset: str, config: str, preset: str | None, ablation: str | None, runs: Sequence[Run]) -> str:
    """A heading for table and report."""
    subject = f"{ablation}: {ablations()[ablation]['title']}" if ablation else ", ".join(run.name for run in runs)
    return f"{subject} · {dataset} · {config}{f' ({preset})' if preset else ''}"
