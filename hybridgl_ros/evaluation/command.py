"""`hybridgl evaluate`: arguments in, an output folder and a table out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from hybridgl_ros.config import load_config
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.datasets.options import (
    Asked,
    DatasetName,
    Images,
    Limit,
    Root,
    SplitBy,
    Splits,
    TopicPairs,
    open_splits,
)
from hybridgl_ros.evaluation.plan import DEFAULT_METHOD, Run, ablation_runs, ablations, method_runs
from hybridgl_ros.evaluation.report import write_report
from hybridgl_ros.evaluation.results import summary_lines, write_breakdown, write_results, write_summary, write_timings
from hybridgl_ros.evaluation.runner import EvaluateAll, Finished, Job, evaluate_here, run_job
from hybridgl_ros.evaluation.screen import plain_console, print_summary
from hybridgl_ros.models.cache import cache_directory
from hybridgl_ros.settings import Config

PHOTOGRAPHS = ("refcoco", "refcoco+", "refcocog", "phrasecut")
INTERRUPTED = 130


def evaluate(
    dataset: DatasetName,
    out: Annotated[Path, typer.Option(help="Folder of the results; an interrupted run goes on from it.")],
    root: Root = None,
    split: Splits = None,
    split_by: SplitBy = None,
    images: Images = None,
    topics: TopicPairs = None,
    expressions: Asked = None,
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
    ablation: Annotated[str | None, typer.Option(help=f"Run the rows of a table: {', '.join(ablations())}.")] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option("--row", metavar="NAME", help="Only this row of --ablation, by its name; may be repeated."),
    ] = None,
    limit: Limit = None,
    no_depth: Annotated[
        bool, typer.Option("--no-depth", help="Leave out the depth that the data set has: ask about the picture alone.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one needs Ray.")] = 1,
    ray: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Ray cluster, e.g. auto or host:6379.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each process.")] = 1,
    cache: Annotated[Path | None, typer.Option(help="Folder of cached image stages.")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither read nor write the cache.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Lose results of another run in the folder.")] = False,
) -> None:
    """Score a method on a data set, beside what the paper reports.

    Writes results.json, summary.csv, breakdown.csv, timings.json and report.html. Exit code 130 when stopped by
    Ctrl-C, with a report of what was done until then.
    """
    from hybridgl_ros.cli import parsed

    overrides = {**parsed(changes or []), **({} if device is None else {"models.device": device})}
    config = config or default_config(dataset)
    loaded = load_config(config, preset=preset, overrides=overrides)
    runs = runs_of(loaded, ablation, rows or [], methods or [], overrides)
    splits = open_splits(dataset, split, root, split_by=split_by, images=images, topics=topics, expressions=expressions)
    job = Job(splits, runs, None if no_cache else cache or default_cache(), limit, threads, depth=not no_depth)
    finished = run_job(job, out, overwrite=overwrite, evaluate_all=evaluator(workers, ray))
    write_all(finished, title_of(dataset, config, preset, ablation, runs), out)
    if not finished.complete:
        raise typer.Exit(INTERRUPTED)


def runs_of(
    config: Config, ablation: str | None, rows: Sequence[str], methods: Sequence[str], overrides: Mapping[str, Any]
) -> list[Run]:
    """The rows of an ablation, or one run a method. Raises ConfigError for what does not go together."""
    if ablation is None:
        if rows:
            raise ConfigError("--row names a row of --ablation, which is missing")
        return method_runs(config, methods or [DEFAULT_METHOD], overrides)
    if methods:
        raise ConfigError("--ablation brings its own methods; leave out --method or --ablation")
    return ablation_runs(config, ablation, overrides, rows)


def write_all(finished: Finished, title: str, out: Path) -> None:
    """Every file of the output folder, and the table on the screen."""
    lines = summary_lines(finished)
    write_results(finished, out)
    write_summary(lines, out)
    write_breakdown(lines, out)
    write_timings(finished, out)
    write_report(finished, lines, title, out)
    console = plain_console()
    print_summary(finished, lines, title, console)
    console.print(f"report: {out / 'report.html'}", soft_wrap=True)


def evaluator(workers: int, address: str | None) -> EvaluateAll:
    """This process, or workers on Ray. Raises ConfigError when Ray is missing."""
    if workers == 1 and address is None:
        return evaluate_here
    from hybridgl_ros.evaluation.ray_runner import on_ray

    return on_ray(workers, address)


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
