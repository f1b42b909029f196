"""How a command line names a data set: one set of options for every command that reads one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from hybridgl_ros.commands.checks import local_path
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.datasets import SOURCES, open_dataset
from hybridgl_ros.evaluation.datasets.bag_file import TOPICS, Topics
from hybridgl_ros.evaluation.datasets.presence import with_files
from hybridgl_ros.evaluation.datasets.refer import SPLIT_BY, TRUTHS
from hybridgl_ros.evaluation.datasets.tabletop import EXPRESSIONS
from hybridgl_ros.evaluation.samples import ReferringDataset

EVERY_SPLIT = "all"
TOPIC_NAMES = tuple(entry.name for entry in fields(Topics))

DatasetName = Annotated[str, typer.Option("--dataset", help=f"Data set: {', '.join(SOURCES)}.")]
Root = Annotated[
    Path | None,
    typer.Option(
        parser=local_path,
        metavar="PATH",
        help="Where the data set lies; the tabletop's held-out set ships with the package.",
    ),
]
Splits = Annotated[
    list[str] | None,
    typer.Option(
        "--split", help="Split, the data set's usual one by default; may be repeated; all: each the paper reports."
    ),
]
SplitBy = Annotated[str | None, typer.Option(help="RefCOCOg: umd or google.")]
Images = Annotated[
    Path | None,
    typer.Option(parser=local_path, metavar="FOLDER", help="Folder of the pictures, if not below the root."),
]
Truth = Annotated[
    str | None,
    typer.Option(
        help=f"RefCOCO and its kin, where parts of an object overlap: {' or '.join(TRUTHS)}; "
        "dataset unites them, official leaves out what several cover, as the published code does."
    ),
]
SkipMissing = Annotated[
    bool, typer.Option("--skip-missing", help="Leave out expressions whose pictures or masks are missing.")
]
TopicPairs = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        metavar="NAME=TOPIC",
        help=f"Bags: what a topic is called, NAME one of {', '.join(TOPIC_NAMES)}; may be repeated.",
    ),
]
Asked = Annotated[
    str | None,
    typer.Option(
        "--expressions",
        help=f"Tabletop: what to ask of the scenes, one of {', '.join(EXPRESSIONS)}; templates by default.",
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first expressions of each split.")]


def open_splits(
    name: str,
    splits: Sequence[str] | None,
    root: Path | None,
    *,
    split_by: str | None = None,
    images: Path | None = None,
    topics: Sequence[str] | None = None,
    truth: str | None = None,
    expressions: str | None = None,
    limit: int | None = None,
    skip_missing: bool = False,
) -> dict[str, ReferringDataset]:
    """The data set's splits by name, their files looked for (of the first `limit` samples).

    Raises DatasetError as `open_dataset` and `with_files`, ConfigError as `topics_of`.
    """
    options: dict[str, Any] = {
        "split_by": split_by,
        "images": images,
        "topics": topics_of(topics or ()),
        "truth": truth,
        "expressions": expressions,
    }
    if splits and EVERY_SPLIT in splits and name in SOURCES:
        if split_by and split_by != SPLIT_BY.get(name, (split_by,))[0]:
            raise ConfigError(f"--split {EVERY_SPLIT}: the paper reports none split by {split_by}; name them")
        splits = SOURCES[name].splits
    wanted: list[str | None] = [*(splits or [])] or [None]
    opened = [open_dataset(name, split, root, **options) for split in wanted]
    return with_files({dataset.split: dataset for dataset in opened}, limit, skip_missing)


def topics_of(entries: Sequence[str]) -> Topics | None:
    """NAME=TOPIC pairs as topics, None when there are none. Raises ConfigError for an unknown name."""
    chosen = {}
    for entry in entries:
        name, separator, topic = entry.partition("=")
        if not separator or name not in TOPIC_NAMES:
            raise ConfigError(f"--topic wants NAME=TOPIC with NAME one of {', '.join(TOPIC_NAMES)}; got {entry!r}")
        chosen[name] = topic
    return Topics(**{**vars(TOPICS), **chosen}) if chosen else None
