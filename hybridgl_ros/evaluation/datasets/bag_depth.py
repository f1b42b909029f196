"""Depth images and camera matrices of a bag, found by their header stamps."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from hybridgl_ros.errors import DatasetError, ImageError
from hybridgl_ros.evaluation.datasets.bag_file import CAMERA_INFO, IMAGE, SECOND, Bag, Topics
from hybridgl_ros.evaluation.datasets.depths import MILLIMETRES, camera_matrix, metres
from hybridgl_ros.evaluation.datasets.pictures import Size
from hybridgl_ros.evaluation.samples import Geometry
from hybridgl_ros.pixels import check_message, unpack_rows

SCALES = {"16UC1": MILLIMETRES, "mono16": MILLIMETRES, "32FC1": 1.0}
"""Metres a unit of each encoding (REP 118)."""


class BagDepth:
    """The depth of a bag's images, where it has topics of depth and of camera matrices; they are read at first use."""

    def __init__(self, bag: Bag, topics: Topics) -> None:
        self._bag = bag
        self._topics = topics

    @cached_property
    def _times(self) -> dict[int, int]:
        """Bag time of each depth image by its stamp."""
        there = self._bag.topics.get(self._topics.depth) == IMAGE
        messages = self._bag.messages((self._topics.depth,)) if there else ()
        return {stamp_of(message.content): message.time for message in messages}

    @cached_property
    def _matrices(self) -> dict[int, Any]:
        """Nine numbers of each camera matrix by its stamp."""
        there = self._bag.topics.get(self._topics.camera_info) == CAMERA_INFO
        messages = self._bag.messages((self._topics.camera_info,)) if there else ()
        return {stamp_of(message.content): message.content.k for message in messages}

    def geometry(self, stamp: int, size: Size) -> Geometry | None:
        """Depth and intrinsics of the image with a stamp (ns), of a size (H, W); None where the bag lacks one.

        Raises DatasetError when the depth is of another size than the image, of an unknown encoding, or damaged.
        """
        if stamp not in self._times or stamp not in self._matrices:
            return None
        entry = f"{self._bag.path}: depth {stamp} on {self._topics.depth}"
        time = self._times[stamp]
        for message in self._bag.messages((self._topics.depth,), time, time + 1):
            content = message.content
            if stamp_of(content) != stamp:
                continue
            if content.encoding not in SCALES:
                raise DatasetError(f"{entry} is {content.encoding}, not {' or '.join(SCALES)}")
            try:
                check_message(content)
            except ImageError as error:
                raise DatasetError(f"{entry}: {error}") from error
            depth = metres(np.squeeze(unpack_rows(content)), SCALES[content.encoding], size, entry)
            return Geometry(depth, camera_matrix(self._matrices[stamp], entry))
        return None


def stamp_of(content: Any) -> int:
    """Header stamp of a message in ns."""
    return content.header.stamp.sec * SECOND + content.header.stamp.nanosec
