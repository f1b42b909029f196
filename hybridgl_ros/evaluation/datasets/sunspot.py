"""SUN-Spot (Mauceri, Palmer and Heckman, ICCV workshops 2019): spatial expressions on the RGB-D pictures of SUN RGB-D.

ROOT/sunspot/refs(boulder).p    as the REFER toolkit lays it out; ids may be texts
ROOT/sunspot/instances.json     COCO annotations; file names are paths in SUN RGB-D
ROOT/sunspot/depth.json         optional: picture's id → path of its depth in SUN RGB-D
ROOT/images/SUNRGBD/            SUN RGB-D as it is unpacked; beside a picture's folder image/ there are depth_bfx/ (or
                                depth/) and intrinsics.txt

Source: the authors' crmauceri/ReferringExpressions and crmauceri/refer_python3; SUN RGB-D's toolbox for its depth.
"""

from __future__ import annotations

import json
import logging
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.depths import MILLIMETRES, camera_matrix, metres, stored_values
from hybridgl_ros.evaluation.datasets.refer import ReferDataset
from hybridgl_ros.evaluation.datasets.refer_pickle import Kind, load_refs
from hybridgl_ros.evaluation.samples import Geometry

LOGGER = logging.getLogger(__name__)
NAME = "sunspot"
UNPACKED = "SUNRGBD"
DEPTHS = ("depth_bfx", "depth")
"""Folders of a picture's depth: filled in by the data set's authors, and as it was measured."""
FIELDS: dict[str, Kind] = {
    "ref_id": (int, str),
    "ann_id": (int, str),
    "image_id": (int, str),
    "split": str,
    "sentences": list,
}


class SunSpotDataset(ReferDataset):
    """One split, with depth. Refs without an annotation are left out, as the authors do, and that is logged.

    Raises DatasetError naming file and entry.
    """

    places = (Path(f"images/{UNPACKED}"), Path("images"), Path("sunspot/images"))

    def __init__(self, split: str, root: Path, *, images: Path | None = None) -> None:
        super().__init__(NAME, split, root, images=images)

    @staticmethod
    def splitters(name: str) -> tuple[str, ...]:
        """See `ReferDataset.splitters`."""
        return ("boulder",)

    def load_refs(self, path: Path) -> list[dict[str, Any]]:
        """The refs of every split that have an annotation."""
        refs = load_refs(path, FIELDS)
        known = self._annotation_ids
        kept = [ref for ref in refs if str(ref["ann_id"]) in known]
        if len(kept) < len(refs):
            LOGGER.warning(
                "%s: %d of %d refs have no annotation and are left out", path, len(refs) - len(kept), len(refs)
            )
        return kept

    @cached_property
    def _annotation_ids(self) -> frozenset[str]:
        path = self.root / "instances.json"
        try:
            return frozenset(str(entry["id"]) for entry in json.loads(path.read_bytes())["annotations"])
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path}: cannot be read ({error})") from error
        except (KeyError, TypeError) as error:
            raise DatasetError(f"{path}: not COCO annotations ({error!r})") from error

    def geometry(self, image_id: str) -> Geometry | None:
        """Depth and intrinsics; None where a picture has no depth or no intrinsics.txt."""
        picture = self._picture(image_id)
        place = next((folder.parent for folder in picture.parents if folder.name == "image"), picture.parent)
        depth, matrix = self._depth_file(image_id, place), place / "intrinsics.txt"
        if depth is None or not matrix.is_file():
            return None
        entry = f"{self.name} image {image_id}"
        pixels = metres(unrotated(stored_values(depth, entry)), MILLIMETRES, self._size(image_id), f"{entry}: {depth}")
        return Geometry(pixels, camera_matrix(numbers_of(matrix), f"{matrix}"))

    def _depth_file(self, image_id: str, place: Path) -> Path | None:
        named = self._depth_names.get(image_id)
        if named is not None:
            return self._located(named)
        files = (sorted((place / folder).glob("*.png")) for folder in DEPTHS)
        return next((found[0] for found in files if found), None)

    @cached_property
    def _depth_names(self) -> dict[str, str]:
        path = self.root / "depth.json"
        try:
            return dict(json.loads(path.read_bytes())) if path.is_file() else {}
        except (OSError, ValueError, TypeError) as error:
            raise DatasetError(f"{path}: cannot be read ({error})") from error

    def _picture(self, image_id: str) -> Path:
        return self._located(self._images[image_id]["file_name"])

    def _located(self, name: str) -> Path:
        """A path in SUN RGB-D, which may start with the name of its folder."""
        inside = Path(name.lstrip("/"))
        if self._pictures.name == UNPACKED and inside.parts[:1] == (UNPACKED,):
            inside = inside.relative_to(UNPACKED)
        return self._pictures / inside


def unrotated(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Millimetres of SUN RGB-D's depth, whose 16 bits are stored rotated by three (its toolbox's read3dPoints.m)."""
    bits = values.astype(np.uint16)
    return ((bits >> 3) | (bits << 13)).astype(np.uint16)


def numbers_of(path: Path) -> list[float]:
    """The numbers of a text file. Raises DatasetError when there is something else in it."""
    try:
        return [float(word) for word in path.read_text(encoding="utf-8").split()]
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as numbers ({error})") from error
