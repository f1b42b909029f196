"""`hybridgl export`: a data set in another format, for other tools or to be played into the node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.datasets.export import FORMATS
from hybridgl_ros.evaluation.datasets.export import export as write
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


def export(
    dataset: DatasetName,
    out: Annotated[Path, typer.Option(help="New or empty folder to write to.")],
    format_name: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = "jsonl",
    root: Root = None,
    split: Splits = None,
    split_by: SplitBy = None,
    images: Images = None,
    topics: TopicPairs = None,
    expressions: Asked = None,
    limit: Limit = None,
) -> None:
    """Write a data set as JSONL, in the REFER layout, or as a bag (bag: sqlite3, mcap: MCAP).

    REFER cannot say that nothing is meant: expressions without a referent are left out there.
    """
    splits = open_splits(dataset, split, root, split_by=split_by, images=images, topics=topics, expressions=expressions)
    if len(splits) > 1:
        raise ConfigError(f"one split at a time, not {', '.join(splits)}")
    (source,) = splits.values()
    count = write(source, format_name, out, limit=limit)
    typer.echo(f"{count} expressions of {source.name} {source.split} written to {out}")
