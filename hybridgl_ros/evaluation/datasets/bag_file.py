"""Bag files without ROS: reading of some topics, writing of frames with their truth (through `rosbags`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import StoragePlugin, Writer

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.bag_storage import Storage, types_of

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
STRING = "std_msgs/msg/String"
STORAGES = {"sqlite3": StoragePlugin.SQLITE3, "mcap": StoragePlugin.MCAP}
SECOND = 1_000_000_000
_FIRST_EXPRESSION_LEAD = SECOND // 10
_DEPTH_LIMIT = np.iinfo(np.uint16).max


@dataclass(frozen=True)
class Topics:
    """Where a bag keeps what is needed to score it."""

    image: str = "/image"
    expression: str = "/expression"
    truth: str = "/ground_truth"
    depth: str = "/depth"
    camera_info: str = "/camera_info"


TOPICS = Topics()


@dataclass(frozen=True)
class Message:
    """One message: its topic, the time in ns when it was recorded, the message itself, and what gives its CDR bytes."""

    topic: str
    time: int
    content: Any
    cdr: Callable[[], bytes | memoryview]


class Bag:
    """A recorded bag, sqlite3 or MCAP, folder or single file, or of ROS 1; opened at first use and in every process.

    topics: name → message type. Raises DatasetError, naming the bag, when it is missing, truncated or
    damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: Storage | None = None
        self._owner = 0
        self.topics = {connection.topic: connection.msgtype for connection in self._open().connections}

    def require(self, topic: str, *types: str) -> str:
        """The message type of a topic. Raises DatasetError when it is missing or none of these types."""
        if topic not in self.topics:
            there = ", ".join(f"{name} ({kind})" for name, kind in sorted(self.topics.items())) or "none"
            raise DatasetError(f"{self.path}: no topic {topic}; there are {there}")
        if self.topics[topic] not in types:
            raise DatasetError(
                f"{self.path}: topic {topic} is of type {self.topics[topic]}, wanted {' or '.join(types)}"
            )
        return self.topics[topic]

    def messages(self, topics: Collection[str], start: int | None = None, stop: int | None = None) -> Iterator[Message]:
        """Messages of some topics with start ≤ bag time < stop, in the order of bag time.

        Raises DatasetError when a message is damaged, or fewer are there than the bag says.
        """
        reader = self._open()
        connections = [connection for connection in reader.connections if connection.topic in topics]
        count = 0
        try:
            for connection, time, content, cdr in reader.messages(connections, start, stop) if connections else ():
                count += 1
                yield Message(connection.topic, time, content, cdr)
        except DatasetError as error:
            raise DatasetError(f"{self.path}: {error}") from None
        except Exception as error:
            raise DatasetError(
                f"{self.path}: truncated or damaged after {count} messages of {', '.join(topics)} ({error!r})"
            ) from error
        promised = sum(connection.msgcount for connection in connections)
        if start is None and stop is None and count < promised:
            raise DatasetError(f"{self.path}: truncated: {count} messages of {promised} on {', '.join(topics)}")

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._reader is not None and self._owner == os.getpid():
            self._reader.close()
        self._reader = None

    def _open(self) -> Storage:
        if self._reader is None or self._owner != os.getpid():
            try:
                self._reader, self._owner = Storage(self.path), os.getpid()
            except FileNotFoundError as error:
                raise DatasetError(
                    f"{self.path}: no such bag, or it lacks its metadata.yaml (`ros2 bag reindex` makes one; or give "
                    "the file in it)"
                ) from error
            except Exception as error:  # damaged files fail in the parser, in SQLite or in the decompressor
                raise DatasetError(f"{self.path}: not a bag, truncated or damaged ({error!r})") from error
        return self._reader

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_reader": None, "_owner": 0}


@dataclass(frozen=True, eq=False)
class Frame:
    """What one stamp of a bag holds.

    stamp: ns. image: H×W×3 uint8 RGB. mask: H×W bool, the truth. depth: H×W float32 metres, NaN where there
    is none. intrinsics: 3×3.
    """

    stamp: int
    image: NDArray[np.uint8]
    expression: str
    mask: NDArray[np.bool_]
    depth: NDArray[np.float32] | None = None
    intrinsics: NDArray[np.float64] | None = None


def write_bag(
    frames: Iterable[Frame],
    path: Path,
    *,
    storage: str = "sqlite3",
    topics: Topics = TOPICS,
    compressed: bool = False,
    frame_id: str = "camera",
) -> int:
    """Write frames, in the order of their stamps, as a bag folder that `ros2 bag` can play; returns how many.

    Bag times are the stamps. An expression is written when it changes, half-way between the frames around it,
    so that a node hears it before the frame it belongs to. Depth is 16UC1 in mm, 0 where there is
    none. compressed: images as PNG. Raises
    DatasetError when `path` exists, the storage is unknown, or the stamps do not increase.
    """
    if storage not in STORAGES:
        raise DatasetError(f"bags are stored as {' or '.join(STORAGES)}, not {storage!r}")
    if path.exists():
        raise DatasetError(f"{path}: exists already")
    with Writer(path, version=8, storage_plugin=STORAGES[storage]) as writer:
        recorder = _Recorder(writer, topics, compressed, frame_id)
        count, previous = 0, None
        for frame in frames:
            recorder.record(frame, previous)
            count, previous = count + 1, frame
    return count


class _Recorder:
    """Turns frames into messages; each topic is declared with its first message."""

    def __init__(self, writer: Writer, topics: Topics, compressed: bool, frame_id: str) -> None:
        self._writer = writer
        self._topics = topics
        self._compressed = compressed
        self._frame_id = frame_id
        self._store = types_of(ros1=False)
        self._connections: dict[str, Any] = {}

    def record(self, frame: Frame, previous: Frame | None) -> None:
        if previous is not None and frame.stamp <= previous.stamp:
            raise DatasetError(f"{self._writer.path}: stamp {frame.stamp} does not come after {previous.stamp}")
        if frame.mask.shape != frame.image.shape[:2]:
            raise DatasetError(f"{self._writer.path}: mask {frame.mask.shape}, image {frame.image.shape[:2]}")
        if previous is None or previous.expression != frame.expression:
            before = previous.stamp if previous else frame.stamp - 2 * _FIRST_EXPRESSION_LEAD
            time = max((before + frame.stamp) // 2, 0)
            self._write(self._topics.expression, STRING, time, data=frame.expression)
        header = self._header(frame.stamp)
        if frame.intrinsics is not None:
            self._write_camera_info(frame, frame.intrinsics, header)
        if frame.depth is not None:
            millimetres = np.clip(np.rint(np.nan_to_num(frame.depth) * 1000), 0, _DEPTH_LIMIT).astype(np.uint16)
            self._write_image(self._topics.depth, millimetres, "16UC1", header, frame.stamp)
        if self._compressed:
            data = cv2.imencode(".png", frame.image[..., ::-1])[1].ravel()
            self._write(self._topics.image, COMPRESSED_IMAGE, frame.stamp, header=header, format="png", data=data)
        else:
            self._write_image(self._topics.image, frame.image, "rgb8", header, frame.stamp)
        truth = np.where(frame.mask, np.uint8(255), np.uint8(0))
        self._write_image(self._topics.truth, truth, "mono8", header, frame.stamp)

    def _header(self, stamp: int) -> Any:
        time = self._type("builtin_interfaces/msg/Time")(sec=stamp // SECOND, nanosec=stamp % SECOND)
        return self._type("std_msgs/msg/Header")(stamp=time, frame_id=self._frame_id)

    def _write_image(self, topic: str, pixels: NDArray[Any], encoding: str, header: Any, time: int) -> None:
        pixels = np.ascontiguousarray(pixels)
        self._write(
            topic,
            IMAGE,
            time,
            header=header,
            height=pixels.shape[0],
            width=pixels.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=pixels.strides[0],
            data=pixels.reshape(-1).view(np.uint8),
        )

    def _write_camera_info(self, frame: Frame, intrinsics: NDArray[np.float64], header: Any) -> None:
        region = self._type("sensor_msgs/msg/RegionOfInterest")(
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        self._write(
            self._topics.camera_info,
            CAMERA_INFO,
            frame.stamp,
            header=header,
            height=frame.image.shape[0],
            width=frame.image.shape[1],
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=intrinsics.reshape(-1),
            r=np.eye(3).reshape(-1),
            p=np.column_stack([intrinsics, np.zeros(3)]).reshape(-1),
            binning_x=0,
            binning_y=0,
            roi=region,
        )

    def _write(self, topic: str, kind: str, time: int, **content: Any) -> None:
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(topic, kind, typestore=self._store)
        data = self._store.serialize_cdr(self._type(kind)(**content), kind)
        self._writer.write(self._connections[topic], time, data)

    def _type(self, kind: str) -> Callable[..., Any]:
        return self._store.types[kind]
