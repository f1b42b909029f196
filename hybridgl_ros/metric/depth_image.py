"""Depth images as messages (REP 118) to metres, without ROS: from a node and from a bag file they look the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from hybridgl_ros.errors import ImageError
from hybridgl_ros.pixels import check_message, is_compressed, unpack_rows
from hybridgl_ros.pixels import decoded as pixels_inside

MILLIMETRES, METRES = "16UC1", "32FC1"
SAME_AS_16UC1 = ("16UC1", "mono16")
HEADER = np.dtype([("kind", "<i4"), ("a", "<f4"), ("b", "<f4")])


def depth_pixels(message: Any) -> np.ndarray:
    """H×W float32 metres, NaN where unknown (0, not finite, or negative).

    message: sensor_msgs/Image of 16UC1 (millimetres) or 32FC1 (metres), or CompressedImage of
    compressed_depth_image_transport (PNG) or of a 16-bit PNG. Raises ImageError naming what is wrong with it.
    """
    if is_compressed(message):
        return decompressed(message)
    check_message(message)
    if message.encoding in SAME_AS_16UC1:
        return from_millimetres(unpack_rows(message))
    if message.encoding == METRES:
        return cleaned(unpack_rows(message))
    raise ImageError(f"depth in {message.encoding!r}; wanted is 16UC1 (millimetres) or 32FC1 (metres), see REP 118")


def decompressed(message: Any) -> np.ndarray:
    """Metres of a CompressedImage; inverse depth is what compressed_depth_image_transport makes of 32FC1."""
    encoding, _, how = message.format.partition(";")
    encoding, words = encoding.strip(), how.split()
    if "compressedDepth" not in words:
        pixels = decoded(message.data, message.format)
        return from_millimetres(pixels)
    if "rvl" in words:
        raise ImageError(f"depth of format {message.format!r}: RVL is not supported, choose PNG")
    if len(message.data) <= HEADER.itemsize:
        raise ImageError("compressed depth without data")
    (header,) = np.frombuffer(message.data, HEADER, count=1)
    pixels = decoded(np.frombuffer(message.data, np.uint8)[HEADER.itemsize :], message.format)
    if encoding != METRES:
        return from_millimetres(pixels)
    with np.errstate(divide="ignore", invalid="ignore"):
        return cleaned(np.where(pixels > 0, header["a"] / (pixels.astype(np.float32) - header["b"]), np.nan))


def decoded(data: Any, text: str) -> np.ndarray:
    """H×W uint16 of a PNG."""
    pixels = pixels_inside(data)
    if pixels is None:
        raise ImageError(f"compressed depth of format {text!r} is damaged or of an unknown kind")
    if pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise ImageError(f"compressed depth of format {text!r} is no single channel of 16 bits")
    return pixels


def from_millimetres(pixels: np.ndarray) -> np.ndarray:
    return cleaned(pixels.astype(np.float32) / np.float32(1000))


def cleaned(metres: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(metres) & (metres > 0), metres, np.nan).astype(np.float32)
