"""Which files of a data set are there: known before anything is loaded, from one listing a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.samples import ReferringDataset, Sample, Subset

SHOWN = 5
"""How many missing files a message names."""


@runtime_checkable
class SeparateFiles(Protocol):
    """A data set whose pictures, or masks, are files of their own, found by names that its annotations give."""

    def files(self, sample: Sample) -> tuple[Path, ...]:
        """The files that a sample is read from, whether they are there or not."""
        ...


@dataclass(frozen=True)
class Missing:
    """Files that are not there, and the samples that need them. checked: how many files were looked for."""

    files: tuple[Path, ...]
    samples: frozenset[str]
    checked: int

    def text(self) -> str:
        """What is missing, for a message."""
        named = ", ".join(map(str, self.files[:SHOWN]))
        more = f" and {len(self.files) - SHOWN} more" if len(self.files) > SHOWN else ""
        return f"{len(self.files)} of {self.checked} files are missing ({named}{more})"


class Present(Subset):
    """The samples of a data set whose files are there. missing: what the others lack."""

    def __init__(self, dataset: ReferringDataset, missing: Missing) -> None:
        super().__init__(dataset, [sample for sample in dataset.samples if sample.id not in missing.samples])
        self.missing = missing


def look_for_files(dataset: ReferringDataset, samples: Sequence[Sample]) -> Missing:
    """What is missing of the files of some samples; nothing where a data set keeps everything in one file."""
    if not isinstance(dataset, SeparateFiles):
        return Missing((), frozenset(), 0)

    @cache
    def listing(folder: Path) -> frozenset[str]:
        try:
            return frozenset(os.listdir(folder))
        except OSError:
            return frozenset()

    @cache
    def there(file: Path) -> bool:
        # A file system may know a name by another spelling than it lists.
        return file.name in listing(file.parent) or file.is_file()

    files: dict[Path, None] = {}
    lacking = set()
    for sample in samples:
        for file in dataset.files(sample):
            files[file] = None
            if not there(file):
                lacking.add(sample.id)
    return Missing(tuple(file for file in files if not there(file)), frozenset(lacking), len(files))


def with_files(
    splits: Mapping[str, ReferringDataset], limit: int | None, skip_missing: bool
) -> dict[str, ReferringDataset]:
    """The splits, their first `limit` samples checked; with skip_missing those without their files are left out.

    Raises DatasetError counting and naming what is missing, also when nothing is left.
    """
    found: dict[str, ReferringDataset] = {}
    complaints = []
    for split, dataset in splits.items():
        missing = look_for_files(dataset, dataset.samples if skip_missing else dataset.samples[:limit])
        if not missing.files:
            found[split] = dataset
            continue
        found[split] = Present(dataset, missing)
        if not skip_missing:
            complaints.append(f"{dataset.name} {split}: {missing.text()}; {len(missing.samples)} expressions need them")
        elif not found[split].samples:
            raise DatasetError(f"{dataset.name} {split}: {missing.text()}; no expression is left")
    if complaints:
        raise DatasetError(f"{'; '.join(complaints)}; --skip-missing goes on without them")
    return found
