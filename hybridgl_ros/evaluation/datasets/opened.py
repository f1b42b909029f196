"""How a data set was opened, in words that a file can hold, so that another command can open it again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.evaluation.datasets.bag_file import Topics
from hybridgl_ros.evaluation.samples import ReferringDataset

NAME = "dataset.json"


@dataclass(frozen=True)
class Opened:
    """dataset: its name. root: None for what ships with the package. options: as `open_dataset` takes them."""

    dataset: str
    root: Path | None
    options: Mapping[str, Any]

    def open(self, splits: Iterable[str]) -> dict[str, ReferringDataset]:
        """The data set's splits by name. Raises DatasetError as `open_dataset`."""
        alone = self.dataset in ("jsonl", "bag")
        opened = [open_dataset(self.dataset, None if alone else split, self.root, **self.options) for split in splits]
        return {dataset.split: dataset for dataset in opened}

    def write(self, folder: Path) -> None:
        """Leave a note in a folder."""
        options = {name: spelled(value) for name, value in self.options.items() if value is not None}
        content = {"dataset": self.dataset, "root": spelled(self.root), "options": options}
        (folder / NAME).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def spelled(value: Any) -> Any:
    """An option as JSON holds it; paths absolute."""
    if isinstance(value, Topics):
        return asdict(value)
    return str(value.absolute()) if isinstance(value, Path) else value


def read_opened(folder: Path, root: Path | None = None, images: Path | None = None) -> Opened:
    """The note in a folder; root and images go before what it says. Raises DatasetError when there is none."""
    path = folder / NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        dataset, there, options = content["dataset"], content["root"], dict(content["options"])
        if "topics" in options:
            options["topics"] = Topics(**options["topics"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: does not say where the data set is ({error})") from error
    if images is not None or "images" in options:
        options["images"] = Path(images or options["images"])
    return Opened(dataset, root or (Path(there) if there else None), options)
