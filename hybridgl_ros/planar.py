"""YUV pictures whose luminance and colour lie in planes of their own, as depthai, libcamera and camera_ros send them.

The luminance comes first, `height` rows of `step` bytes; the colour follows in the same padding. Conversion is OpenCV's
(ITU-R BT.601, limited range).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from hybridgl_ros.errors import ImageError


@dataclass(frozen=True)
class Planes:
    """How the colour is stored: one plane of pairs or two planes of single values; halved: at half the resolution."""

    conversion: int
    pairs: bool
    halved: bool

    def bytes_per_pixel(self) -> float:
        """Of all planes together."""
        return 1.5 if self.halved else 3.0


NV12 = Planes(cv2.COLOR_YUV2RGB_NV12, pairs=True, halved=True)
NV21 = Planes(cv2.COLOR_YUV2RGB_NV21, pairs=True, halved=True)
NV24 = Planes(cv2.COLOR_YUV2RGB_NV12, pairs=True, halved=False)
NV42 = Planes(cv2.COLOR_YUV2RGB_NV21, pairs=True, halved=False)
I420 = Planes(cv2.COLOR_YUV2RGB_I420, pairs=False, halved=True)
YV12 = Planes(cv2.COLOR_YUV2RGB_YV12, pairs=False, halved=True)
PLANAR = {
    "nv12": NV12, "nv21": NV21, "nv24": NV24, "nv42": NV42,
    "i420": I420, "yuv420": I420, "yuv420p": I420, "YUV420": I420, "yv12": YV12, "yvu420": YV12,
}  # fmt: skip
# Some drivers give the bytes of all planes together, or of two channels, as a row's.
WHOLE_STEPS = (1.5, 2.0, 3.0)


def check_planes(message: Any) -> None:
    """Raise ImageError when a message of a planar encoding cannot hold the picture that it describes."""
    row_of(message)


def row_of(message: Any) -> int:
    """Bytes from one row of the luminance to the next."""
    planes, height, width, step = PLANAR[message.encoding], message.height, message.width, message.step
    if planes.halved and (height % 2 or width % 2):
        raise ImageError(f"{width}×{height} {message.encoding} image: its sides must be even")
    if step < width:
        raise ImageError(f"step {step} is less than the {width} bytes of {width} {message.encoding} pixels")
    size = len(message.data)
    if size >= needed(planes, height, step):
        return step
    if step in [width * factor for factor in WHOLE_STEPS] and size >= needed(planes, height, width):
        return width
    raise ImageError(
        f"{size} bytes of data, {height} rows of step {step} in {message.encoding} need {needed(planes, height, step)}"
    )


def needed(planes: Planes, height: int, row: int) -> int:
    """Bytes of all planes."""
    return int(height * row * planes.bytes_per_pixel())


def planes_to_rgb(message: Any) -> np.ndarray:
    """The picture of a checked message of a planar encoding, H×W×3 uint8 RGB."""
    planes, height, width, row = PLANAR[message.encoding], message.height, message.width, row_of(message)
    data = np.frombuffer(message.data, np.uint8, count=needed(planes, height, row))
    luminance = data[: height * row].reshape(height, row)[:, :width]
    colour = data[height * row :]
    if not planes.pairs:
        halves = colour.reshape(height, row // 2)[:, : width // 2]
        return cv2.cvtColor(np.concatenate([luminance.ravel(), halves.ravel()]).reshape(-1, width), planes.conversion)
    if planes.halved:
        return two_planes(luminance, colour.reshape(height // 2, row)[:, :width], planes.conversion)
    # OpenCV has colour at half the resolution only: the picture in twice its size is one of that kind.
    doubled = luminance.repeat(2, axis=0).repeat(2, axis=1)
    twice = two_planes(doubled, colour.reshape(height, 2 * row)[:, : 2 * width], planes.conversion)
    return np.ascontiguousarray(twice[::2, ::2])


def two_planes(luminance: np.ndarray, pairs: np.ndarray, conversion: int) -> np.ndarray:
    """H×W luminance and H/2×W bytes of colour pairs as H×W×3 uint8 RGB."""
    height, width = luminance.shape
    pairs = np.ascontiguousarray(pairs).reshape(height // 2, width // 2, 2)
    return cv2.cvtColorTwoPlane(np.ascontiguousarray(luminance), pairs, conversion)
