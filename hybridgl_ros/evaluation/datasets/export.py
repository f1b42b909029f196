"""Any data set written in another format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.bag import frames_of
from hybridgl_ros.evaluation.datasets.bag_file import write_bag
from hybridgl_ros.evaluation.datasets.jsonl import write_jsonl
from hybridgl_ros.evaluation.datasets.refer_writing import write_refer
from hybridgl_ros.evaluation.samples import ReferringDataset, Subset

JSONL_NAME = "samples.jsonl"

FORMATS: dict[str, Callable[[ReferringDataset, Path], int]] = {
    "jsonl": lambda dataset, out: write_jsonl(dataset, out / JSONL_NAME),
    "refer": write_refer,
    "bag": lambda dataset, out: write_bag(frames_of(dataset), out),
    "mcap": lambda dataset, out: write_bag(frames_of(dataset), out, storage="mcap"),
}
"""jsonl: OUT/samples.jsonl with its pictures; refer: the REFER layout below OUT, as refcoco split by unc;
bag and mcap: OUT is the bag folder (sqlite3, MCAP)."""


def export(dataset: ReferringDataset, format_name: str, out: Path, *, limit: int | None = None) -> int:
    """Write a data set, or its first `limit` samples, below `out`; returns how many samples were written.

    Raises DatasetError when the format is unknown or `out` holds something already.
    """
    if format_name not in FORMATS:
        raise DatasetError(f"no format {format_name!r}; there are {', '.join(FORMATS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(f"{out}: exists already")
    if out.exists():
        out.rmdir()
    return FORMATS[format_name](Subset(dataset, dataset.samples[:limit]), out)
