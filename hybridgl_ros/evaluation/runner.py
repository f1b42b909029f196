"""Runs an evaluation image by image: durable, resumable, with a progress bar; results keep the data set's order."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress import Task as ProgressTask

from hybridgl_ros.config import values_of
from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.cache import image_digest
from hybridgl_ros.evaluation.datasets.opened import Opened
from hybridgl_ros.evaluation.datasets.presence import Missing, Present
from hybridgl_ros.evaluation.dependencies import dependencies, models_of
from hybridgl_ros.evaluation.evaluator import Evaluator, Loader, Task, data_digest
from hybridgl_ros.evaluation.journal import Journal
from hybridgl_ros.evaluation.plan import Run
from hybridgl_ros.evaluation.predictions import Predictions
from hybridgl_ros.evaluation.samples import Outcome, ReferringDataset, geometry_of
from hybridgl_ros.evaluation.witness import Witness
from hybridgl_ros.segmenter import ReferringSegmenter

LINE_PERIOD = 30.0

EvaluateAll = Callable[["Job", Sequence[Task]], Iterator[dict[str, Any]]]
"""Evaluates tasks, in any order, giving a journal record for each."""


@dataclass(frozen=True)
class Job:
    """Everything a process needs to evaluate: can be sent to another one.

    datasets: by split. cache: folder of the stage cache, None for none. limit: first samples of each split only.
    threads: CPU threads a process. load: makes the segmenter, the configured models when left out. depth: whether the
    methods get the depth that a data set has. notes: what a reader must know before trusting the figures.
    left_out: why runs that were asked for are not among these, by name.
    opened: how the data sets were opened, None when nobody need open them again.
    """

    datasets: Mapping[str, ReferringDataset]
    runs: Sequence[Run]
    cache: Path | None = None
    limit: int | None = None
    threads: int = 1
    load: Loader | None = None
    depth: bool = True
    notes: tuple[str, ...] = ()
    opened: Opened | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def dataset(self) -> str:
        """Name of the data set that the splits belong to."""
        return next(iter(self.datasets.values())).name

    @property
    def skipped(self) -> dict[str, Missing]:
        """What is missing of splits that go on without it."""
        return {split: data.missing for split, data in self.datasets.items() if isinstance(data, Present)}

    def evaluator(self, witness: Witness | None = None) -> Evaluator:
        """Load the models. witness: is shown everything."""
        load = self.load or ReferringSegmenter.load
        return Evaluator(self.datasets, self.runs, load, self.cache, self.threads, self.depth, witness)

    def tasks(self) -> list[Task]:
        """One task an image of a split."""
        tasks = []
        for split, dataset in self.datasets.items():
            images: dict[str, list[Any]] = {}
            for sample in dataset.samples[: self.limit]:
                images.setdefault(sample.image_id, []).append(sample)
            tasks += [Task(split, image, tuple(samples)) for image, samples in images.items()]
        return tasks

    def key(self) -> dict[str, Any]:
        """What tells this job from another one with the same output folder."""
        return {
            "dataset": self.dataset,
            "splits": {split: fingerprint(dataset) for split, dataset in self.datasets.items()},
            "truth": {split: getattr(dataset, "truth", "dataset") for split, dataset in self.datasets.items()},
            "skipped": {
                split: {"files": len(missing.files), "expressions": len(missing.samples)}
                for split, missing in self.skipped.items()
            },
            "limit": self.limit,
            "depth": self.depth,
            "threads": self.threads,
            "models": models_of(self.runs),
            "depends": dependencies(self.runs),
            "runs": [described(run) for run in self.runs],
        }


def described(run: Run) -> dict[str, Any]:
    """What tells one run from another: settings, and the content of the file that its answers are from."""
    content = {} if run.source is None else {"file": Predictions(run.source).digest}
    return {"name": run.name, "method": run.method, "settings": values_of(run.config), **content}


@dataclass(frozen=True)
class Answered:
    """All that is known of one run on one split, in the data set's order.

    answers: as in the journal, one a sample. outcomes: the same as `Outcome`s. expected: how many there will be.
    """

    split: str
    run: Run
    answers: list[dict[str, Any]]
    outcomes: list[Outcome]
    expected: int

    @property
    def complete(self) -> bool:
        return len(self.answers) == self.expected


@dataclass(frozen=True)
class Finished:
    """What a job gave: every run, what each stage took on each image, and whether it was stopped before its end.

    key: the job's, as it was when it started.
    """

    job: Job
    key: Mapping[str, Any]
    answered: list[Answered]
    stages: list[dict[str, Any]]
    damaged: int
    resumed: int
    seconds: float

    @property
    def complete(self) -> bool:
        return all(entry.complete for entry in self.answered)


def evaluate_here(job: Job, tasks: Sequence[Task], witness: Witness | None = None) -> Iterator[dict[str, Any]]:
    """Evaluate in this process. witness: is shown everything."""
    evaluator = job.evaluator(witness)
    return (evaluator.evaluate(task) for task in tasks)


def run_job(
    job: Job,
    out: Path,
    *,
    overwrite: bool = False,
    evaluate_all: EvaluateAll = evaluate_here,
    console: Console | None = None,
) -> Finished:
    """Evaluate what the output folder does not hold yet. Ctrl-C ends it early with what is there.

    Raises ConfigError when the folder holds results of another job, DatasetError for an unusable sample.
    """
    console = console or Console(stderr=True)
    started = time.perf_counter()
    tasks, key = job.tasks(), job.key()
    with Journal(out, key, overwrite) as journal:
        records = done_before(job, tasks, journal.records)
        resumed = len(records)
        if resumed:
            console.print(f"{resumed} of {len(tasks)} images were done before", highlight=False)
        if changed := len({(record["split"], record["image"]) for record in journal.records} - set(records)):
            console.print(f"{changed} were done on other pictures or truths and are evaluated again", highlight=False)
        missing = [task for task in tasks if (task.split, task.image_id) not in records]
        try:
            for record in with_progress(evaluate_all(job, missing) if missing else (), tasks, records, console):
                journal.append(record)
                records[record["split"], record["image"]] = record
        except KeyboardInterrupt:
            console.print(
                f"stopped after {len(records)} of {len(tasks)} images; the same command goes on from there",
                highlight=False,
            )
    ordered = [records[task.split, task.image_id] for task in tasks if (task.split, task.image_id) in records]
    stages = [
        {"resumed": index < resumed, **usage}
        for index, record in enumerate(records.values())
        for usage in record["stages"]
    ]
    return Finished(
        job,
        key,
        collect(job, ordered),
        stages,
        sum(record["damaged"] for record in ordered),
        resumed,
        time.perf_counter() - started,
    )


def done_before(
    job: Job, tasks: Sequence[Task], records: Sequence[dict[str, Any]]
) -> dict[tuple[str, str], dict[str, Any]]:
    """The journal's records by split and image, without those whose pictures or truths are not the same any more."""
    of_image = {(task.split, task.image_id): task for task in tasks}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records:
        key = record["split"], record["image"]
        if key in of_image and record["data"] == digest_of(job, of_image[key]):
            found[key] = record
    return found


def digest_of(job: Job, task: Task) -> str | None:
    """What a task's answers would be scored on; None when it cannot be read, which its evaluation will tell."""
    dataset = job.datasets[task.split]
    try:
        image = image_digest(dataset.image(task.image_id))
        geometry = geometry_of(dataset, task.image_id) if job.depth else None
        return data_digest(image, [dataset.mask(sample) for sample in task.samples], geometry)
    except DatasetError:
        return None


def with_progress(
    results: Iterable[dict[str, Any]],
    tasks: Sequence[Task],
    records: Mapping[tuple[str, str], dict[str, Any]],
    console: Console,
) -> Iterator[dict[str, Any]]:
    """The results, while a bar shows how far they are, how long it will take, and each run's mIoU so far.

    Where there is no terminal for a bar, a line says the same every `LINE_PERIOD` seconds.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    running = RunningMean()
    for record in records.values():
        running.add(record)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("images", total=len(tasks), completed=len(records), figures=running.text())
        told = time.monotonic()
        for record in results:
            yield record
            running.add(record)
            bar.update(task, advance=1, figures=running.text())
            if not console.is_terminal and time.monotonic() - told >= LINE_PERIOD:
                told = time.monotonic()
                console.print(progress_line(bar.tasks[task]), highlight=False, soft_wrap=True)


def progress_line(task: ProgressTask) -> str:
    """What the bar would show, for a log file."""
    left = "" if task.time_remaining is None else f", {timedelta(seconds=int(task.time_remaining))} left"
    return f"{task.completed:.0f} of {task.total:.0f} images, {task.fields['figures']}{left}"


class RunningMean:
    """Mean IoU of each run over the samples seen."""

    def __init__(self) -> None:
        self._ious: dict[str, list[float]] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        for run, answers in record["answers"].items():
            self._ious.setdefault(run, []).extend(
                answer["outcome"]["iou"] for answer in answers if answer["outcome"]["iou"] is not None
            )

    def text(self) -> str:
        """The mean of the only run, or the span of several."""
        means = [100 * sum(ious) / len(ious) for ious in self._ious.values() if ious]
        if not means:
            return ""
        return f"mIoU {means[0]:.1f}" if len(means) == 1 else f"mIoU {min(means):.1f} … {max(means):.1f}"


def collect(job: Job, records: Sequence[Mapping[str, Any]]) -> list[Answered]:
    """Records of images as runs on splits."""
    found = []
    for split, dataset in job.datasets.items():
        samples = dataset.samples[: job.limit]
        for run in job.runs:
            by_id = {
                answer["outcome"]["id"]: answer
                for record in records
                if record["split"] == split
                for answer in record["answers"][run.name]
            }
            answers = [by_id[sample.id] for sample in samples if sample.id in by_id]
            found.append(
                Answered(
                    split, run, answers, [Outcome.from_json(answer["outcome"]) for answer in answers], len(samples)
                )
            )
    return found


def fingerprint(dataset: ReferringDataset) -> str:
    """SHA-256 over a split's samples."""
    digest = hashlib.sha256()
    for sample in dataset.samples:
        digest.update(
            json.dumps([sample.id, sample.image_id, sample.expression, sample.tags, sample.has_target]).encode() + b"\n"
        )
    return digest.hexdigest()
