"""Rendered tabletop sets as a referring data set; the held-out one ships with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.samples import Sample
from hybridgl_ros.tabletop.dataset import TabletopScene, TabletopSet, TabletopSetError, heldout_path

HELDOUT = "heldout"


class TabletopDataset:
    """One set of rendered scenes; a sample's tags are the expression's kind, then its own tags.

    Raises DatasetError when the set is missing or damaged.
    """

    name = "tabletop"

    def __init__(self, path: Path, split: str = HELDOUT) -> None:
        self.split = split
        try:
            self._set = TabletopSet(path)
        except TabletopSetError as error:
            raise DatasetError(str(error)) from error
        self._positions: dict[str, int] = {}
        self._instances: dict[str, int | None] = {}
        self._current: TabletopScene | None = None
        self.samples = tuple(sample for index in range(len(self._set)) for sample in self._read(index))

    def scene(self, image_id: str) -> TabletopScene:
        """The whole scene, with its depth and intrinsics."""
        if self._current is None or self._current.id != image_id:
            try:
                self._current = self._set[self._positions[image_id]]
            except TabletopSetError as error:
                raise DatasetError(str(error)) from error
        return self._current

    def image(self, image_id: str) -> NDArray[np.uint8]:
        """H×W×3 uint8 RGB."""
        return self.scene(image_id).image

    def mask(self, sample: Sample) -> NDArray[np.bool_]:
        """H×W bool, the visible pixels of the referent."""
        scene = self.scene(sample.image_id)
        instance = self._instances[sample.id]
        return np.zeros(scene.instances.shape, dtype=bool) if instance is None else scene.mask(instance)

    def _read(self, index: int) -> list[Sample]:
        record = self._set.record(index)
        scene = record["id"]
        if scene in self._positions:
            raise DatasetError(f"{self._set.path}: scene {scene} is there twice")
        self._positions[scene] = index
        samples = []
        for number, entry in enumerate(record["expressions"]):
            identity = f"{scene}-{number}"
            self._instances[identity] = entry["instance"]
            tags = tuple(dict.fromkeys([entry["kind"], *entry["tags"]]))
            samples.append(Sample(identity, scene, entry["text"], tags, entry["instance"] is not None))
        return samples

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_current": None}


def open_tabletop(split: str = HELDOUT, root: Path | None = None) -> TabletopDataset:
    """The shipped held-out set, or the set at `root`: a zip, a folder of shards, or a folder with
    <split>.zip.

    Raises DatasetError when there is no such split.
    """
    if root is None:
        if split != HELDOUT:
            raise DatasetError(f"tabletop: the package ships the split {HELDOUT} only, not {split!r}; give a root")
        return TabletopDataset(heldout_path())
    named = root / f"{split}.zip"
    return TabletopDataset(named if named.is_file() else root, split)
