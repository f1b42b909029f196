"""`hybridgl export`: a data set in another format, for other tools or to be played into the node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hybridgl_ros.commands.checks import local_path
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
)
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.datasets.export import FORMATS
from hybridgl_ros.evaluation.datasets.export import export as write
from hybridgl_ros.evaluation.datasets.presence import Present


def export(
    dataset: DatasetName,
    out: Annotated[Path, typer.Option(parser=local_path, metavar="FOLDER", help="New or empty folder to write to.")],
    format_name: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = "jsonl",
    root: Root = None,
    split: Splits = None,
    split_by: SplitBy = None,
    images: Images = None,
    topics: TopicPairs = None,
    truth: Truth = None,
    expressions: Asked = None,
    limit: Limit = None,
    skip_missing: SkipMissing = False,
) -> None:
    """Write a data set as JSONL, in the REFER layout, or as a bag (bag: sqlite3, mcap: MCAP).

    REFER cannot say that nothing is meant: expressions without a referent are left out there.
    """
    splits = open_splits(
        dataset,
        split,
        root,
        split_by=split_by,
        images=images,
        topics=topics,
        truth=truth,
        expressions=expressions,
        limit=limit,
        skip_missing=skip_missing,
    )
    if len(splits) > 1:
        raise ConfigError(f"one split at a time, not {', '.join(splits)}")
    (source,) = splits.values()
    count = write(source, format_name, out, limit=limit)
    left_out = f"; {source.missing.text()}" if isinstance(source, Present) else ""
    typer.echo(f"{count} expressions of {source.name} {source.split} written to {out}{left_out}")
