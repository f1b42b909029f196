"""OCID-Ref (Wang et al., NAACL 2021): expressions on the cluttered RGB-D tabletops of OCID (Suchi et al., ICRA 2019).

ROOT/<split>_expressions.json   id → {scene_path, scene_instance_id, sentence, take_id, …}
ROOT/OCID-dataset/              OCID as it is unpacked; scene_path is a picture in it,
                                …/seq36/rgb/result_….png, and label/ and depth/ beside rgb/ hold files of the same name

A label picture holds the number of an object at each of its pixels; depth is in millimetres.
Source: instruction.txt of the authors' lluma/OCID-Ref.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.depths import MILLIMETRES, camera_matrix, read_depth
from hybridgl_ros.evaluation.datasets.pictures import opened, picture_size, read_rgb
from hybridgl_ros.evaluation.datasets.texts import check_expression, check_name
from hybridgl_ros.evaluation.samples import Geometry, Sample

NAME = "ocid-ref"
UNPACKED = ("OCID-dataset", "OCID-Dataset", "OCID")
INSTANCE = ("scene_instance_id", "scene_instance")
"""The object's number in the label picture: as public loaders read it, and as the authors describe it."""
FREE, TOUCHING = 9, 16
"""Last takes of a sequence whose objects stand apart, and whose objects touch; later they are stacked (OCID)."""
INTRINSICS = (570.34, 570.34, 319.5, 239.5)
"""fx, fy, cx, cy (px) that OpenNI gives an ASUS Xtion at 640×480, OCID's camera; the data set itself states none."""


class OcidRefDataset:
    """One split, with depth. A sample's tags are its sub-dataset and how cluttered the table is.

    images: the folder of OCID when it is not below root. Raises DatasetError naming file and entry.
    """

    name = NAME
    tells_kinds = False

    def __init__(self, split: str, root: Path, *, images: Path | None = None) -> None:
        self.split = split
        self._file = root / f"{split}_expressions.json"
        there = [root / name for name in UNPACKED if (root / name).is_dir()]
        self._pictures = images or (there or [root / UNPACKED[0]])[0]
        self._instances: dict[str, int] = {}
        by_scene: dict[str, list[Sample]] = {}
        for identity, record in self._records().items():
            sample = self._read(identity, record)
            by_scene.setdefault(sample.image_id, []).append(sample)
        self.samples = tuple(sample for samples in by_scene.values() for sample in samples)
        if not self.samples:
            raise DatasetError(f"{self._file}: holds no expression")

    def image(self, image_id: str) -> NDArray[np.uint8]:
        """H×W×3 uint8 RGB."""
        return read_rgb(self._pictures / image_id, f"{self._file}: scene {image_id}")

    def mask(self, sample: Sample) -> NDArray[np.bool_]:
        """H×W bool, the visible pixels of the object."""
        entry = f"{self._file}: {sample.id}"
        with opened(self._pictures / beside(sample.image_id, "label"), entry, "label") as picture:
            labels = np.array(picture)
        if labels.ndim != 2:
            raise DatasetError(f"{entry}: label {beside(sample.image_id, 'label')} is not one number a pixel")
        mask = labels == self._instances[sample.id]
        if not mask.any():
            there = ", ".join(map(str, np.unique(labels)[:20]))
            raise DatasetError(
                f"{entry}: no pixel of object {self._instances[sample.id]} in the label, only of {there}"
            )
        return mask

    def geometry(self, image_id: str) -> Geometry | None:
        """Depth, with the intrinsics of OCID's kind of camera; None where the file is not there."""
        path = self._pictures / beside(image_id, "depth")
        if not path.is_file():
            return None
        entry = f"{self._file}: scene {image_id}"
        size = picture_size(self._pictures / image_id, entry)
        return Geometry(read_depth(path, entry, size, MILLIMETRES), camera_matrix(INTRINSICS, entry))

    def files(self, sample: Sample) -> tuple[Path, ...]:
        """Its picture and its label picture."""
        return self._pictures / sample.image_id, self._pictures / beside(sample.image_id, "label")

    def _records(self) -> dict[str, Any]:
        try:
            records = json.loads(self._file.read_bytes())
        except FileNotFoundError as error:
            there = ", ".join(sorted(path.name for path in self._file.parent.glob("*_expressions.json"))) or "none"
            raise DatasetError(f"{self._file}: no such file; there are {there}") from error
        except (OSError, ValueError, RecursionError) as error:
            raise DatasetError(f"{self._file}: cannot be read ({error})") from error
        if not isinstance(records, dict):
            raise DatasetError(f"{self._file}: holds a {type(records).__name__}, not expressions by id")
        return records

    def _read(self, identity: str, record: Any) -> Sample:
        entry = f"{self._file}: {identity}"
        if not isinstance(record, dict) or not {"scene_path", "sentence"} <= set(record):
            raise DatasetError(f"{entry}: wants scene_path and sentence")
        scene, number = record["scene_path"], next((record[name] for name in INSTANCE if name in record), None)
        check_name(scene, "scene_path", entry)
        scene = scene.lstrip("/")
        if "rgb" not in Path(scene).parts:
            raise DatasetError(f"{entry}: scene_path {scene} is in no folder rgb")
        try:
            self._instances[identity] = int(str(number))
        except ValueError as error:
            raise DatasetError(f"{entry}: {INSTANCE[0]} is {number!r}") from error
        tags = [str(record["sub_dataset"])] if "sub_dataset" in record else []
        if type(record.get("take_id")) is int:
            tags.append(clutter(record["take_id"]))
        return Sample(identity, scene, check_expression(record["sentence"], entry), tuple(tags))


def clutter(take: int) -> str:
    """How cluttered a table is at a take of its sequence."""
    return "free" if take <= FREE else "touching" if take <= TOUCHING else "stacked"


def beside(scene: str, folder: str) -> Path:
    """A scene's file in another folder than rgb."""
    parts = list(Path(scene).parts)
    place = len(parts) - 1 - parts[::-1].index("rgb")
    return Path(*parts[:place], folder, *parts[place + 1 :])
