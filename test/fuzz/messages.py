"""Messages that no sender means: good ones with fields, bytes and sizes changed, and some that are all random."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from hybridgl_ros.action import Refer
from hybridgl_ros.msg import Expressions
from hybridgl_ros.srv import ReferSegment
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header, String

from hybridgl_ros.planar import PLANAR
from hybridgl_ros.ros.common.conversion import image_message

WIDTH, HEIGHT = 32, 24
FRAME = "optical"
ENCODINGS = [
    *(
        "rgb8",
        "bgr8",
        "rgba8",
        "bgra8",
        "rgb16",
        "bgr16",
        "rgba16",
        "bgra16",
        "mono8",
        "mono16",
        "yuv422",
        "yuv422_yuy2",
    ),
    *("uyvy", "yuyv", "bayer_rggb8", "bayer_bggr8", "bayer_gbrg16", "bayer_grbg16"),
    *(f"{size}C{channels}" for size in ("8U", "8S", "16U", "16S", "32S", "32F", "64F") for channels in (1, 2, 3, 4)),
    *PLANAR,
    *("", "rgb9", "RGB8", "32FC", "8UC0", "8UC99999999", "64FC-1", "jpeg", "h264", "\0", "mono8\0", "𝟠UC1", "a" * 1000),
]
FORMATS = [
    *("jpeg", "png", "rgb8; jpeg compressed bgr8", "mono16; png compressed ", "16UC1; png compressed", "tiff", "webp"),
    *("bayer_rggb8; jpeg compressed bgr8", "16UC1; compressedDepth", "16UC1; compressedDepth png"),
    *("32FC1; compressedDepth png", "16UC1; compressedDepth rvl", "h264", "", ";", ";;;", "; jpeg", "\0", "a" * 1000),
]
NUMBERS = [0, 1, 2, 3, 7, 255, 256, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1]
REALS = [0.0, -0.0, 1.0, -1.0, 1e-30, 1e30, 1e300, -1e300, 525.0, math.nan, math.inf, -math.inf]
SMALL = [0.0, -1.0, 1e-30, 1e30, math.nan, math.inf, -math.inf]
WORDS = ["the", "red", "block", "left", "of", "second", "both", "not", "blue", "nearest", "cup", "and", "between", "it"]
PIECES = ["", " ", "\0", "\n", "\u202e", "\ufffd", "🟥", "красный", "{}", "%s", "../../etc/passwd", "'; --", "a" * 5000]


class Fuzzer:
    """Makes messages by type; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._noise = np.random.default_rng(seed)
        self.makers: dict[type, Callable[[], Any]] = {
            Image: self.image,
            CompressedImage: self.compressed,
            CameraInfo: self.camera_info,
            String: lambda: String(data=self.text()),
            Expressions: self.expressions,
            ReferSegment.Request: lambda: self.request(ReferSegment.Request),
            Refer.Goal: lambda: self.request(Refer.Goal),
        }

    def make(self, kind: type) -> Any:
        """A message of a type. Raises KeyError for one that nobody has thought of."""
        return self.makers[kind]()

    def image(self) -> Image:
        """A picture or depth."""
        message = self._plain_image()
        for _ in range(self._random.choice((0, 1, 1, 1, 2, 4))):
            field = self._random.choice(("encoding", "width", "height", "step", "data", "is_bigendian", "header"))
            setattr(message, field, self._field(field, message))
        return message

    def compressed(self) -> CompressedImage:
        """A picture or depth, in PNG or JPEG, or what is left of it."""
        pixels = self._random.choice((self._pixels(np.uint8, 3), self._pixels(np.uint16, 1), self._pixels(np.uint8, 1)))
        suffix = self._random.choice((".png", ".jpg")) if pixels.dtype == np.uint8 else ".png"
        data = bytearray(cv2.imencode(suffix, pixels)[1].tobytes())
        if self._random.random() < 0.3:
            data = bytearray(self._noise.bytes(12)) + data  # the header of compressedDepth
        if self._random.random() < 0.7:
            data = self._damaged(data)
        message = CompressedImage(header=self._header(), format=self._random.choice(FORMATS))
        message.data = array("B", bytes(data))
        return message

    def camera_info(self) -> CameraInfo:
        """A calibration."""
        message = CameraInfo(header=self._header(), width=WIDTH, height=HEIGHT, distortion_model="plumb_bob")
        message.d = [self._real() for _ in range(self._random.choice((0, 1, 5, 8, 100)))]
        message.k, message.r = (np.array([self._real() for _ in range(9)]) for _ in range(2))
        message.p = np.array([self._real() for _ in range(12)])
        if self._random.random() < 0.5:
            message.k = np.array([525.0, 0, 16, 0, 525, 12, 0, 0, 1])
            message.d = []
        for field in ("width", "height", "binning_x", "binning_y"):
            if self._random.random() < 0.3:
                setattr(message, field, self._number())
        if self._random.random() < 0.3:
            for field in ("x_offset", "y_offset", "width", "height"):
                setattr(message.roi, field, self._number())
        return message

    def text(self) -> str:
        """An expression, at best."""
        choice = self._random.random()
        if choice < 0.4:
            return " ".join(self._random.choices(WORDS, k=self._random.randrange(1, 12)))
        if choice < 0.7:
            return "".join(self._random.choices([*WORDS, *PIECES], k=self._random.randrange(0, 8)))
        codes = (self._random.randrange(0xD800) for _ in range(self._random.randrange(0, 40)))
        return "".join(map(chr, codes))

    def expressions(self) -> Expressions:
        """A list of at least one: an empty one is no question."""
        return Expressions(expressions=[self.text() for _ in range(self._random.choice((1, 1, 2, 5, 40)))])

    def request(self, kind: type) -> Any:
        """A request or a goal; mostly with a picture of its own, so that it needs no camera."""
        request = kind(expression=self.text())
        if self._random.random() < 0.8:
            request.image = self.image()
        request.candidates = self._random.choice((0, 1, 3, 2**31, 2**32 - 1))
        request.deadline = float(
            np.float32(self._random.choice((0.0, 0.0, 1.0, -1.0, 1e30, 1e-30, math.nan, math.inf)))
        )
        return request

    def _plain_image(self) -> Image:
        depth = self._random.random()
        if depth < 0.2:
            return image_message(self._pixels(np.uint16, 1), "16UC1", self._header())
        if depth < 0.4:
            return image_message(self._pixels(np.float32, 1), "32FC1", self._header())
        return image_message(self._pixels(np.uint8, 3), "rgb8", self._header())

    def _pixels(self, kind: type, channels: int) -> np.ndarray:
        shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
        values = self._noise.integers(0, 256, shape)
        if kind is np.float32:
            return np.where(values < 20, self._random.choice(SMALL), values / 100).astype(np.float32)
        return values.astype(kind)

    def _field(self, field: str, message: Image) -> Any:
        if field == "encoding":
            return self._random.choice(ENCODINGS)
        if field == "data":
            length = self._random.choice((0, 1, len(message.data) - 1, len(message.data) + 1, 4 * len(message.data)))
            return array("B", self._noise.bytes(length))
        if field == "is_bigendian":
            return self._random.randrange(256)
        return self._header() if field == "header" else self._number()

    def _damaged(self, data: bytearray) -> bytearray:
        choice = self._random.random()
        if choice < 0.3:
            return data[: self._random.randrange(len(data))]
        if choice < 0.4:
            return bytearray(self._noise.bytes(self._random.randrange(200)))
        for _ in range(self._random.randrange(1, 10)):
            # Mostly near the beginning, where sizes and types are said.
            place = self._random.randrange(min(64, len(data))) if choice < 0.8 else self._random.randrange(len(data))
            data[place] = self._random.randrange(256)
        return data

    def _header(self) -> Header:
        frame = FRAME if self._random.random() < 0.8 else self._random.choice(PIECES)
        seconds = self._random.choice((0, 1, -1, 2**31 - 1, -(2**31))) if self._random.random() < 0.2 else 1
        nanoseconds = self._random.choice((0, 1, 999999999, 2**32 - 1)) if self._random.random() < 0.2 else 1
        return Header(stamp=Time(sec=seconds, nanosec=nanoseconds), frame_id=frame)

    def _number(self) -> int:
        return self._random.choice(NUMBERS)

    def _real(self) -> float:
        return self._random.choice(REALS)
