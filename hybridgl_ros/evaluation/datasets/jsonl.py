"""The plain format for data of one's own: one JSON object a line, one expression each.

{"image": "images/kitchen.png",       path relative to this file
 "expression": "the red mug",
 "mask": "masks/mug.png",             picture, not 0 = target; or COCO RLE {"size": [h, w], "counts": …};
                                      null when nothing is meant
 "tags": ["relation"], "id": "k-1",   both optional
 "depth": "depth/kitchen.png",        optional: a file of one number a pixel, on the image's grid, with
 "depth_scale": 0.001,                metres a unit (millimetres for whole numbers, metres for others unless given)
 "intrinsics": [fx, fy, cx, cy]}      and the camera's, in pixels, or its 3×3 matrix
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.depths import camera_matrix, read_depth
from hybridgl_ros.evaluation.datasets.pictures import picture_size, read_mask, read_rgb, spell, write_png
from hybridgl_ros.evaluation.datasets.segmentations import decode_segmentation, encode_rle
from hybridgl_ros.evaluation.datasets.texts import check_expression, check_name, check_text
from hybridgl_ros.evaluation.samples import Geometry, ReferringDataset, Sample, geometry_of, target_mask

_GEOMETRY = ("depth", "depth_scale", "intrinsics")
_KEYS = {"image", "expression", "mask", "tags", "id", *_GEOMETRY}


class JsonlDataset:
    """All lines of one file; an image's id is its path as the file writes it, a line's id defaults to its
    number.

    Lines are checked at once, pictures and masks when they are read. Raises DatasetError naming file and line.
    """

    name = "jsonl"

    def __init__(self, path: Path) -> None:
        self.split = path.stem
        self._path = path
        self._entries: dict[str, tuple[int, Any]] = {}
        self._depths: dict[str, tuple[int, list[Any]]] = {}
        try:
            # Not splitlines: texts may hold what it takes for the end of a line.
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"{path}: cannot be read ({error})") from error
        by_image: dict[str, list[Sample]] = {}
        for number, line in enumerate(lines, start=1):
            if line.strip():
                sample = self._read(number, line)
                by_image.setdefault(sample.image_id, []).append(sample)
        self.samples = tuple(sample for samples in by_image.values() for sample in samples)
        if not self.samples:
            raise DatasetError(f"{path}: holds no expression")

    def image(self, image_id: str) -> NDArray[np.uint8]:
        """H×W×3 uint8 RGB."""
        return read_rgb(self._path.parent / image_id, str(self._path))

    def mask(self, sample: Sample) -> NDArray[np.bool_]:
        """H×W bool."""
        number, mask = self._entries[sample.id]
        entry = self._entry(number)
        size = picture_size(self._path.parent / sample.image_id, entry)
        if mask is None:
            return np.zeros(size, dtype=bool)
        if isinstance(mask, dict):
            pixels = decode_segmentation(mask, size, entry)
        else:
            pixels = read_mask(self._path.parent / mask, entry)
            if pixels.shape != size:
                raise DatasetError(f"{entry}: mask {mask} is {spell(pixels.shape)}, its image {spell(size)}")
        if not pixels.any():
            raise DatasetError(f"{entry}: the mask is empty; write null when nothing is meant")
        return pixels

    def geometry(self, image_id: str) -> Geometry | None:
        """Depth and intrinsics, where the lines of the image name them."""
        number, (depth, scale, intrinsics) = self._depths[image_id]
        if depth is None:
            return None
        entry = self._entry(number)
        size = picture_size(self._path.parent / image_id, entry)
        pixels = read_depth(self._path.parent / depth, entry, size, scale)
        return Geometry(pixels, camera_matrix(intrinsics, entry))

    def files(self, sample: Sample) -> tuple[Path, ...]:
        """Its picture, its mask when that is one, and its depth when there is any."""
        names = (sample.image_id, self._entries[sample.id][1], self._depths[sample.image_id][1][0])
        return tuple(self._path.parent / name for name in names if isinstance(name, str))

    def _read(self, number: int, line: str) -> Sample:
        entry = self._entry(number)
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DatasetError(f"{entry}: not JSON ({error})") from error
        if not isinstance(record, dict) or not {"image", "expression", "mask"} <= set(record) <= _KEYS:
            optional = ", ".join(sorted(_KEYS - {"image", "expression", "mask"}))
            raise DatasetError(f"{entry}: wants image, expression and mask, may have {optional}, nothing else")
        image, expression, mask = record["image"], record["expression"], record["mask"]
        check_expression(expression, entry)
        check_name(image, "image", entry)
        if isinstance(mask, str):
            check_name(mask, "mask", entry)
        elif not (mask is None or isinstance(mask, dict)):
            raise DatasetError(f"{entry}: mask is neither a path nor an RLE nor null")
        self._read_geometry(number, image, [record.get(key) for key in _GEOMETRY])
        tags = record.get("tags", [])
        if not isinstance(tags, list):
            raise DatasetError(f"{entry}: tags is not a list")
        for tag in tags:
            check_text(tag, entry)
        identity = check_text(str(record.get("id", number)), entry)
        if identity in self._entries:
            raise DatasetError(f"{entry}: id {identity} is there twice")
        self._entries[identity] = number, mask
        return Sample(identity, image, expression, tuple(tags), mask is not None)

    def _read_geometry(self, number: int, image: str, geometry: list[Any]) -> None:
        entry = self._entry(number)
        depth, scale, intrinsics = geometry
        if (depth is None) != (intrinsics is None) or (depth is None and scale is not None):
            raise DatasetError(f"{entry}: depth and intrinsics go together, depth_scale with them")
        if depth is not None:
            check_name(depth, "depth", entry)
            camera_matrix(intrinsics, entry)
            if scale is not None and (type(scale) not in (int, float) or not 0 < scale < math.inf):
                raise DatasetError(f"{entry}: depth_scale is no number above 0")
        first, known = self._depths.setdefault(image, (number, geometry))
        if known != geometry:
            raise DatasetError(f"{entry}: another depth of the picture than line {first} names")

    def _entry(self, number: int) -> str:
        return f"{self._path}, line {number}"


def write_jsonl(dataset: ReferringDataset, path: Path, *, masks: str = "rle") -> int:
    """Write a data set as `path` with, beside it, its pictures in images/, its depth, where there is any, in depth/
    (32-bit TIFF, metres) and, for masks="png", masks/, all exact.

    Returns how many samples were written. Raises DatasetError when masks is neither "rle" nor "png".
    """
    if masks not in ("rle", "png"):
        raise DatasetError(f"masks are written as rle or png, not {masks!r}")
    (path.parent / "images").mkdir(parents=True, exist_ok=True)
    images: dict[str, str] = {}
    depths: dict[str, dict[str, Any]] = {}
    with path.open("w", encoding="utf-8") as file:
        for number, sample in enumerate(dataset.samples, start=1):
            if sample.image_id not in images:
                images[sample.image_id] = f"images/{len(images) + 1:06d}.png"
                write_png(dataset.image(sample.image_id), path.parent / images[sample.image_id])
                depths[sample.image_id] = write_depth(dataset, sample.image_id, path.parent, len(images))
            mask: str | dict[str, Any] | None = None
            if sample.has_target and masks == "rle":
                mask = encode_rle(target_mask(dataset, sample))
            elif sample.has_target:
                mask = f"masks/{number:06d}.png"
                (path.parent / "masks").mkdir(exist_ok=True)
                write_png(target_mask(dataset, sample), path.parent / mask)
            record = {
                "image": images[sample.image_id],
                "expression": sample.expression,
                "mask": mask,
                "tags": list(sample.tags),
                "id": sample.id,
                **depths[sample.image_id],
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return len(dataset.samples)


def write_depth(dataset: ReferringDataset, image_id: str, folder: Path, number: int) -> dict[str, Any]:
    """Write an image's depth; what a line says of it, nothing where there is none."""
    geometry = geometry_of(dataset, image_id)
    if geometry is None:
        return {}
    name = f"depth/{number:06d}.tiff"
    (folder / "depth").mkdir(exist_ok=True)
    Image.fromarray(geometry.depth).save(folder / name)
    return {"depth": name, "intrinsics": geometry.intrinsics.tolist()}
