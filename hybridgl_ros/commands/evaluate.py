"""`hybridgl evaluate`: arguments in, an output folder and a table out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hybridgl_ros.commands.checks import check_device, check_models, check_weights, local_path, make_folder
from hybridgl_ros.commands.dataset_options import (
    Asked,
    DatasetName,
    Images,
    Limit,
    Root,
    SkipMissing,
    SplitBy,
    Splits,
    TopicPairs,
    Truth,
    open_splits,
    topics_of,
)
from hybridgl_ros.commands.options import Device, overrides_of
from hybridgl_ros.commands.recordings import Rerun, open_recording
from hybridgl_ros.commands.running import INTERRUPTED
from hybridgl_ros.config import find_file, load_config, read_yaml
from hybridgl_ros.errors import ConfigError, HybridGLError
from hybridgl_ros.evaluation.datasets import SOURCES
from hybridgl_ros.evaluation.datasets.opened import Opened
from hybridgl_ros.evaluation.methods import find_method, method_names
from hybridgl_ros.evaluation.plan import Run, Selection, ablations
from hybridgl_ros.evaluation.predictions import Predictions

if TYPE_CHECKING:
    from hybridgl_ros.evaluation.runner import EvaluateAll
    from hybridgl_ros.evaluation.samples import ReferringDataset
    from hybridgl_ros.evaluation.witness import Witness
    from hybridgl_ros.recording import Recording

PAPERS = ("refcoco", "refcoco+", "refcocog", "phrasecut")
PHOTOGRAPHS = (*PAPERS, "grefcoco", "sunspot", "ocid-ref")
OFFICIAL = "official"


def evaluate(
    dataset: DatasetName,
    out: Annotated[
        Path,
        typer.Option(
            parser=local_path, metavar="FOLDER", help="Folder of the results; an interrupted run goes on from it."
        ),
    ],
    root: Root = None,
    split: Splits = None,
    split_by: SplitBy = None,
    images: Images = None,
    topics: TopicPairs = None,
    truth: Truth = None,
    expressions: Asked = None,
    skip_missing: SkipMissing = False,
    config: Annotated[
        str | None, typer.Option(help="embedded, photo, or a YAML file; photo by default for data sets of photographs.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="robot, paper or official; paper by default for the paper's data sets and tables, else the file's."
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a setting of every row; may be repeated."),
    ] = None,
    device: Device = None,
    methods: Annotated[
        list[str] | None,
        typer.Option("--method", help=f"{', '.join(method_names())}; may be repeated."),
    ] = None,
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            parser=local_path,
            metavar="FILE",
            help="For --method predictions: masks of another system, a JSON line an expression; may be repeated.",
        ),
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
    cache: Annotated[
        Path | None, typer.Option(parser=local_path, metavar="FOLDER", help="Folder of cached image stages.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither read nor write the cache.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Lose results of another run in the folder.")] = False,
    rerun: Rerun = None,
    rerun_limit: Annotated[
        int, typer.Option(metavar="SAMPLES", min=1, help="Record the first samples only; one may take a megabyte.")
    ] = 200,
) -> None:
    """Score a method on a data set, beside what the paper reports.

    Writes results.json, summary.csv, breakdown.csv, timings.json and report.html. Exit code 130 when stopped by
    Ctrl-C, with a report of what was done until then.
    """
    overrides = overrides_of(changes, device)
    preset = preset or default_preset(dataset, ablation, config)
    config = config or default_config(dataset)
    loaded = load_config(config, preset=preset, overrides=overrides)
    selection = Selection(ablation, rows or (), methods or (), sources or ())
    local = ray is None and selection.needs_models
    if truth is None and "truth" in options_of(dataset) and is_official(config, preset):
        truth = OFFICIAL
    pool = pool_of(workers, ray)
    if pool is not None and rerun is not None:
        raise ConfigError("--rerun records what is done in this process: leave out --workers and --ray")
    # A cluster's machines have devices, weights and folders of their own.
    if local:
        check_device(loaded.models.device)
    given: dict[str, Any] = {
        "split_by": split_by,
        "images": images,
        "truth": truth,
        "expressions": expressions,
    }
    splits = open_splits(dataset, split, root, topics=topics, limit=limit, skip_missing=skip_missing, **given)
    notes = tuple(note for source in selection.sources for note in coverage_notes(source, splits, limit))
    if local:
        check_models(loaded)
        if cache is not None and not no_cache:
            make_folder(cache, "--cache")
    make_folder(out, "--out")
    recording = open_recording(rerun)
    # From here on it takes seconds: what can be wrong with the input was found before.
    from hybridgl_ros.evaluation.cache import default_cache
    from hybridgl_ros.evaluation.output import write_all
    from hybridgl_ros.evaluation.runner import Job, evaluate_here, run_job

    runs = selection.runs(loaded, overrides)
    runs, left_out = runnable(runs, selection.optional) if local else (runs, {})
    job = Job(
        splits,
        runs,
        None if no_cache else cache or default_cache(),
        limit,
        threads,
        depth=not no_depth,
        notes=notes,
        opened=Opened(dataset, root, {**given, "topics": topics_of(topics or ())}),
        left_out=left_out,
    )
    with recorded(recording, runs, rerun_limit) as witness:
        alone = partial(evaluate_here, witness=witness)
        finished = run_job(job, out, overwrite=overwrite, evaluate_all=pool or alone)
    write_all(finished, title_of(dataset, config, preset, selection), out)
    if not finished.complete:
        raise typer.Exit(INTERRUPTED)


@contextmanager
def recorded(recording: Recording | None, runs: Sequence[Run], limit: int) -> Iterator[Witness | None]:
    """What records an evaluation, and says how much of it; None without a recording."""
    if recording is None:
        yield None
        return
    from hybridgl_ros.evaluation.recorder import Recorder

    recorder = Recorder(recording, [run.name for run in runs], limit)
    with recording:
        yield recorder
    few = "" if recorder.samples else "; what was done before is not shown again, but with --overwrite"
    typer.echo(f"recorded {recorder.samples} samples{few}", err=True)


def runnable(runs: Sequence[Run], optional: bool) -> tuple[list[Run], dict[str, str]]:
    """The runs whose weights and libraries are here, and why the others cannot run, by name.

    Raises the first one's ConfigError or WeightsError when they are not optional, or when none is left.
    """
    left: list[Run] = []
    reasons: dict[str, str] = {}
    for run in runs:
        try:
            check_method_here(run.method)
            left.append(run)
        except HybridGLError as error:
            reasons[run.name] = str(error)
            if not optional or len(reasons) == len(runs):
                raise
    return left, reasons


def check_method_here(name: str) -> None:
    """Raise ConfigError for a missing library of a method, WeightsError for missing weights."""
    method = find_method(name)
    if method.extra is not None:
        method.extra.check()
    for model in method.models:
        check_weights(model)


def coverage_notes(source: Path, splits: Mapping[str, ReferringDataset], limit: int | None) -> list[str]:
    """What a file of answers lacks, or has too much. Raises DatasetError naming the lines that cannot be used."""
    return Predictions(source).check(splits, limit).notes(source.name)


def pool_of(workers: int, address: str | None) -> EvaluateAll | None:
    """Workers on Ray; None when this process does it. Raises ConfigError when Ray is missing."""
    if workers == 1 and address is None:
        return None
    from hybridgl_ros.evaluation.ray_runner import on_ray

    return on_ray(workers, address)


def options_of(dataset: str) -> tuple[str, ...]:
    """What options a data set understands; none when there is no such data set."""
    return SOURCES[dataset].options if dataset in SOURCES else ()


def is_official(config: str, preset: str | None) -> bool:
    """Whether a configuration stands on the preset that follows the published code."""
    return (preset or read_yaml(find_file(config)).get("preset")) == OFFICIAL


def default_config(dataset: str) -> str:
    """The embedded models see no photographs."""
    return "photo" if dataset in PHOTOGRAPHS else "embedded"


def default_preset(dataset: str, ablation: str | None, config: str | None) -> str | None:
    """The paper's for its tables and its data sets, unless a configuration is named; None for the configuration's."""
    if ablation is not None:
        return ablations().get(ablation, {}).get("preset")
    return "paper" if config is None and dataset in PAPERS else None


def title_of(dataset: str, config: str, preset: str | None, selection: Selection) -> str:
    """A heading for table and report."""
    ablation = selection.ablation
    subject = f"{ablation}: {ablations()[ablation]['title']}" if ablation else ", ".join(selection.titles)
    under = f" · {config}{f' ({preset})' if preset else ''}" if selection.needs_models else ""
    return f"{subject} · {dataset}{under}"
