"""A recorded bag as a referring data set.

A truth mask belongs to the image with the same header stamp. The expression it is the answer to is the one in
force when that image was recorded: the last message of the expression topic whose bag time is not later than
the image's.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from hybridgl_ros.errors import DatasetError, ImageError, PlaceError
from hybridgl_ros.evaluation.datasets.bag_file import (
    CAMERA_INFO,
    COMPRESSED_IMAGE,
    IMAGE,
    SECOND,
    STRING,
    TOPICS,
    Bag,
    Frame,
    Message,
    Topics,
)
from hybridgl_ros.evaluation.datasets.pictures import Size, spell
from hybridgl_ros.evaluation.samples import Geometry, ReferringDataset, Sample, geometry_of
from hybridgl_ros.metric.registration import registered
from hybridgl_ros.pixels import check_message, is_compressed, rgb_pixels, unpack_rows

FRAME_PERIOD = SECOND // 10
DEPTH_SLOP = SECOND // 20
_MASK_ENCODINGS = ("mono8", "8UC1")


@dataclass(frozen=True)
class BagImage:
    """Where the bag keeps one image: bag time and header stamp (ns), the header's frame, (H, W)."""

    time: int
    stamp: int
    frame_id: str
    size: Size


class BagDataset:
    """Every image that has a truth mask and an expression in force is one sample; its ids are the stamp (ns).

    images: by image id, also those without a truth. unscored: how many images lack one or an expression.
    The whole bag is read once, so that damage shows at once. Raises DatasetError naming bag and entry.
    """

    name = "bag"

    def __init__(self, path: Path, topics: Topics = TOPICS) -> None:
        self.split = path.stem
        self.bag = Bag(path)
        self.topics = topics
        self.bag.require(topics.image, IMAGE, COMPRESSED_IMAGE)
        self.bag.require(topics.expression, STRING)
        self.bag.require(topics.truth, IMAGE)
        expressions: list[tuple[int, str]] = []
        self.images: dict[str, BagImage] = {}
        self._truths: dict[str, tuple[int, Size, bool]] = {}
        for message in self.bag.messages((topics.image, topics.expression, topics.truth)):
            if message.topic == topics.expression:
                expressions.append((message.time, self._text(message)))
            elif message.topic == topics.image:
                self._add_image(message)
            else:
                self._add_truth(message)
        self.samples = tuple(self._match(expressions))
        self.unscored = len(self.images) - len(self.samples)
        if not self.samples:
            raise DatasetError(
                f"{path}: nothing to score, no image has both a mask and an expression: "
                f"{len(self.images)} images on {topics.image}, {len(self._truths)} masks on {topics.truth}, "
                f"{len(expressions)} expressions on {topics.expression}"
            )

    def image(self, image_id: str) -> NDArray[np.uint8]:
        """H×W×3 uint8 RGB."""
        try:
            return rgb_pixels(self._find(self.topics.image, self.images[image_id].time, image_id).content)
        except ImageError as error:
            raise DatasetError(f"{self.bag.path}: image {image_id} on {self.topics.image}: {error}") from error

    def mask(self, sample: Sample) -> NDArray[np.bool_]:
        """H×W bool."""
        time = self._truths[sample.image_id][0]
        return unpack_rows(self._find(self.topics.truth, time, sample.image_id).content) != 0

    def geometry(self, image_id: str) -> Geometry | None:
        """The depth that the node would use: nearest by stamp, within its usual slop, if it is registered."""
        image = self.images[image_id]
        around = image.time - DEPTH_SLOP, image.time + DEPTH_SLOP + 1
        depth = self._nearest(self.topics.depth, IMAGE, image.stamp, *around)
        info = self._nearest(self.topics.camera_info, CAMERA_INFO, image.stamp, *around)
        info = info or self._nearest(self.topics.camera_info, CAMERA_INFO, image.stamp)
        if depth is None or info is None or abs(stamp_of(depth) - image.stamp) > DEPTH_SLOP:
            return None
        height, width = image.size
        try:
            found = registered(depth, info, frame=image.frame_id, height=height, width=width, rectified=False)
        except (PlaceError, ImageError):
            return None
        return Geometry(found.depth, found.intrinsics)

    def _nearest(
        self, topic: str, kind: str, stamp: int, start: int | None = None, stop: int | None = None
    ) -> Any | None:
        """The message whose stamp is nearest to one (ns), among those with start ≤ bag time < stop."""
        if self.bag.topics.get(topic) != kind:
            return None
        found = (message.content for message in self.bag.messages((topic,), start, stop))
        return min(found, key=lambda content: abs(stamp_of(content) - stamp), default=None)

    def _find(self, topic: str, time: int, image_id: str) -> Message:
        for message in self.bag.messages((topic,), time, time + 1):
            if stamp_of(message.content) == int(image_id):
                return message
        raise DatasetError(f"{self.bag.path}: the message of {topic} stamped {image_id} is gone")

    def _text(self, message: Message) -> str:
        text = message.content.data
        if not text.strip():
            raise DatasetError(f"{self.bag.path}: an empty expression on {message.topic} at {message.time} ns")
        return text

    def _add_image(self, message: Message) -> None:
        content, stamp = message.content, stamp_of(message.content)
        if str(stamp) in self.images:
            raise DatasetError(f"{self.bag.path}: two images on {message.topic} are stamped {stamp} ns")
        try:
            check_message(content)
            size = _encoded_size(content.data) if is_compressed(content) else (content.height, content.width)
        except ImageError as error:
            raise DatasetError(f"{self.bag.path}: image {stamp} on {message.topic}: {error}") from error
        self.images[str(stamp)] = BagImage(message.time, stamp, content.header.frame_id, size)

    def _add_truth(self, message: Message) -> None:
        content, stamp = message.content, stamp_of(message.content)
        if str(stamp) in self._truths:
            raise DatasetError(f"{self.bag.path}: two masks on {message.topic} are stamped {stamp} ns")
        if content.encoding not in _MASK_ENCODINGS:
            raise DatasetError(f"{self.bag.path}: mask {stamp} on {message.topic} is {content.encoding}, not mono8")
        try:
            check_message(content)
        except ImageError as error:
            raise DatasetError(f"{self.bag.path}: mask {stamp} on {message.topic}: {error}") from error
        size = content.height, content.width
        self._truths[str(stamp)] = message.time, size, bool(unpack_rows(content).any())

    def _match(self, expressions: list[tuple[int, str]]) -> Iterator[Sample]:
        for identity, image in self.images.items():
            in_force = bisect_right(expressions, image.time, key=lambda expression: expression[0])
            if in_force == 0 or identity not in self._truths:
                continue
            _, size, has_target = self._truths[identity]
            if size != image.size:
                raise DatasetError(
                    f"{self.bag.path}: mask {identity} on {self.topics.truth} is {spell(size)}, "
                    f"its image {spell(image.size)}"
                )
            yield Sample(identity, identity, expressions[in_force - 1][1], (), has_target)


def frames_of(dataset: ReferringDataset, period: int = FRAME_PERIOD) -> Iterator[Frame]:
    """One frame a sample, `period` ns apart from one second on.

    They have depth and intrinsics when the data set has them.
    """
    for number, sample in enumerate(dataset.samples):
        geometry = geometry_of(dataset, sample.image_id)
        yield Frame(
            stamp=SECOND + number * period,
            image=dataset.image(sample.image_id),
            expression=sample.expression,
            mask=dataset.mask(sample),
            depth=geometry.depth if geometry else None,
            intrinsics=geometry.intrinsics if geometry else None,
        )


def stamp_of(content: Any) -> int:
    """Header stamp of a message in ns."""
    return content.header.stamp.sec * SECOND + content.header.stamp.nanosec


def _encoded_size(data: NDArray[np.uint8]) -> Size:
    try:
        with Image.open(io.BytesIO(data.tobytes())) as picture:
            return picture.height, picture.width
    except UnidentifiedImageError as error:
        raise ImageError("compressed image is damaged or of an unknown kind") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"compressed image is too large ({error})") from error
