"""Readers of referring data sets, found by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.bag import BagDataset
from hybridgl_ros.evaluation.datasets.grefcoco import GRefDataset
from hybridgl_ros.evaluation.datasets.jsonl import JsonlDataset
from hybridgl_ros.evaluation.datasets.ocidref import OcidRefDataset
from hybridgl_ros.evaluation.datasets.phrasecut import PhraseCutDataset
from hybridgl_ros.evaluation.datasets.refer import SPLIT_BY, ReferDataset
from hybridgl_ros.evaluation.datasets.sunspot import SunSpotDataset
from hybridgl_ros.evaluation.datasets.tabletop import HELDOUT, default_split, open_tabletop
from hybridgl_ros.evaluation.samples import ReferringDataset


@dataclass(frozen=True)
class Source:
    """How to open one kind of data set.

    splits: those that are usually reported, the first being the default. root: what the root path has to be;
    None when the package brings the data. options: further keyword arguments it understands. default_split: the split
    when none is named, given the options; the first of `splits` when left out.
    """

    open: Callable[..., ReferringDataset]
    splits: tuple[str, ...]
    root: str | None
    options: tuple[str, ...] = ()
    default_split: Callable[..., str] | None = None

    def split_for(self, options: Mapping[str, Any]) -> str:
        """The split when none is named."""
        return self.splits[0] if self.default_split is None else self.default_split(**options)


def _open_refer(name: str) -> Callable[..., ReferringDataset]:
    return lambda split, root, **options: ReferDataset(name, split, root, **options)


_TESTS_AB = ("val", "testA", "testB")
_TESTS = {"refcoco": _TESTS_AB, "refcoco+": _TESTS_AB, "refcocog": ("val", "test")}

SOURCES: dict[str, Source] = {
    "tabletop": Source(open_tabletop, (HELDOUT,), None, ("expressions",), default_split),
    **{
        name: Source(_open_refer(name), _TESTS[name], "the REFER data folder", ("split_by", "images", "truth"))
        for name in SPLIT_BY
    },
    "phrasecut": Source(PhraseCutDataset, ("test", "val"), "the VGPhraseCut_v0 folder", ("images",)),
    "grefcoco": Source(GRefDataset, _TESTS_AB, "the folder that holds grefcoco/", ("images",)),
    "sunspot": Source(SunSpotDataset, ("test", "val"), "the folder that holds sunspot/", ("images",)),
    "ocid-ref": Source(OcidRefDataset, ("test", "val"), "the folder of the *_expressions.json", ("images",)),
    "jsonl": Source(lambda split, root: JsonlDataset(root), ("all",), "the .jsonl file"),
    "bag": Source(lambda split, root, **options: BagDataset(root, **options), ("all",), "the bag", ("topics",)),
}


def open_dataset(
    name: str, split: str | None = None, root: str | Path | None = None, **options: Any
) -> ReferringDataset:
    """A data set of `SOURCES`, its usual split unless another is named; nothing is ever downloaded.

    options: see `Source.options`; those that are None count as not given.
    Raises DatasetError when there is no such data set, split or option, or its files cannot be read.
    """
    if name not in SOURCES:
        raise DatasetError(f"no data set {name!r}; there are {', '.join(SOURCES)}")
    source = SOURCES[name]
    given = {key: value for key, value in options.items() if value is not None}
    if unknown := sorted(set(given) - set(source.options)):
        raise DatasetError(f"{name} does not understand {', '.join(unknown)}")
    if root is None and source.root:
        raise DatasetError(f"{name} needs a root: {source.root}")
    if name in ("jsonl", "bag") and split not in (None, *source.splits):
        raise DatasetError(f"{name} has no splits, not {split!r} either; leave it out")
    return source.open(split or source.split_for(given), None if root is None else Path(root), **given)
