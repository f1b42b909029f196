"""PhraseCut (Wu et al. 2020): VGPhraseCut annotations over Visual Genome pictures.

ROOT/refer_<split>.json           list of tasks: task_id, image_id, phrase, phrase_structure, Polygons, …
ROOT/image_data_split*.json       width and height of every picture
ROOT/images/<image_id>.jpg        or VG_100K/ and VG_100K_2/, in ROOT/images or ROOT, as Visual Genome publishes them
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.pictures import Size, read_rgb
from hybridgl_ros.evaluation.datasets.segmentations import draw_polygons
from hybridgl_ros.evaluation.datasets.texts import check_expression, check_text
from hybridgl_ros.evaluation.samples import Sample

VISUAL_GENOME = ("VG_100K", "VG_100K_2")
"""The two folders that Visual Genome's pictures come in."""


class PhraseCutDataset:
    """One split; all instances that a phrase names are united to one mask, drawn as the data set's own code does.

    A picture of another size than annotated is resized, as the published code does.
    A sample's tag is its phrase_structure's type: what makes the phrase unique (name, attribute, relation,
    verbose). images: folder of the pictures when it is not below root. Raises DatasetError naming file and
    entry.
    """

    name = "phrasecut"

    def __init__(self, split: str, root: Path, *, images: Path | None = None) -> None:
        self.split = split
        self._file = root / f"refer_{split}.json"
        if not self._file.is_file():
            there = ", ".join(sorted(file.stem.removeprefix("refer_") for file in root.glob("refer_*.json")))
            raise DatasetError(f"{self._file}: no such split {split!r}; there are {there or 'none'}")
        tasks = _load_list(self._file)
        self._polygons: dict[str, list[Any]] = {}
        self.samples = tuple(self._read(tasks))
        if not self.samples:
            raise DatasetError(f"{self._file}: holds no expression")
        wanted = {sample.image_id for sample in self.samples}
        self._sizes = _load_sizes(root, wanted)
        self._pictures = _find_pictures(root, images, wanted)

    def image(self, image_id: str) -> NDArray[np.uint8]:
        """H×W×3 uint8 RGB."""
        entry = f"{self._file} image {image_id}"
        return read_rgb(self._pictures[image_id], entry, self._sizes[image_id], resize=True)

    def mask(self, sample: Sample) -> NDArray[np.bool_]:
        """H×W bool."""
        return draw_polygons(self._polygons[sample.id], self._sizes[sample.image_id], f"{self._file} {sample.id}")

    def files(self, sample: Sample) -> tuple[Path, ...]:
        """Its picture."""
        return (self._pictures[sample.image_id],)

    def _read(self, tasks: list[dict[str, Any]]) -> Iterator[Sample]:
        by_image: dict[str, list[Sample]] = {}
        for number, task in enumerate(tasks):
            try:
                identity, image, phrase = str(task["task_id"]), str(task["image_id"]), task["phrase"]
                polygons = [_flat(polygon) for instance in task["Polygons"] for polygon in instance]
                kind = (task.get("phrase_structure") or {}).get("type")
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise DatasetError(f"{self._file}: task number {number} is damaged ({error!r})") from error
            if identity in self._polygons:
                raise DatasetError(f"{self._file}: task {identity} is there twice")
            entry = f"{self._file}: task {identity}"
            check_expression(phrase, entry)
            if kind:
                check_text(kind, entry)
            self._polygons[identity] = polygons
            by_image.setdefault(image, []).append(Sample(identity, image, phrase, (kind,) if kind else ()))
        return (sample for samples in by_image.values() for sample in samples)


def _flat(polygon: list[Any]) -> list[float]:
    return [float(value) for x, y in polygon for value in (x, y)]


def _find_pictures(root: Path, images: Path | None, wanted: set[str]) -> dict[str, Path]:
    """Where each picture lies: in the folder of the pictures, or in Visual Genome's two within it or in the root."""
    usual = images or root / "images"
    folders = [usual, *(usual / name for name in VISUAL_GENOME)]
    if images is None:
        folders += [root / name for name in VISUAL_GENOME]
    found = {image: usual / f"{image}.jpg" for image in wanted}
    for folder in reversed(folders):
        if folder.is_dir():
            names = set(os.listdir(folder))
            found.update({image: folder / f"{image}.jpg" for image in wanted if f"{image}.jpg" in names})
    return found


def _load_list(path: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    if not isinstance(content, list):
        raise DatasetError(f"{path}: holds a {type(content).__name__}, not a list")
    return content


def _load_sizes(root: Path, wanted: set[str]) -> dict[str, Size]:
    found = sorted(root.glob("image_data_split*.json"))
    if not found:
        raise DatasetError(f"{root}: image_data_split.json, which holds the pictures' sizes, is missing")
    try:
        sizes = {
            str(entry["image_id"]): (entry["height"], entry["width"])
            for entry in _load_list(found[0])
            if str(entry["image_id"]) in wanted
        }
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{found[0]}: an entry lacks image_id, width or height ({error!r})") from error
    if missing := wanted - set(sizes):
        raise DatasetError(f"{found[0]}: image {min(missing)} is missing")
    return sizes
