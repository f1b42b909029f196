"""ROS image messages to RGB pixels, without ROS: messages from a node and from a bag file look the same.

A message is anything with the fields of sensor_msgs/Image or sensor_msgs/CompressedImage.
"""

from __future__ import annotations

import math
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from PIL import Image
from rosbags.image import ImageError as UnsupportedError
from rosbags.image.image import Format, convert_color, to_cvtype

from hybridgl_ros.errors import ImageError
from hybridgl_ros.planar import PLANAR, check_planes, planes_to_rgb

# OpenCV's own order for pictures that only say how many channels they have.
UNNAMED_COLOURS = {"8UC1": "mono8", "8UC3": "bgr8", "8UC4": "bgra8", "16UC3": "bgr16", "16UC4": "bgra16"}
# As OpenCV calls the element types of a decoded picture.
ELEMENTS = {"uint8": "8U", "int8": "8S", "uint16": "16U", "int16": "16S", "int32": "32S", "float32": "32F",
            "float64": "64F"}  # fmt: skip
MOSAIC = "bayer_"
DEPTH_TRANSPORT = "compressedDepth"
# Pixels; the largest sensors have some 100 million.
LARGEST_PICTURE = 2**27
VIDEO = frozenset({"h264", "h265", "hevc", "av1", "vp8", "vp9", "mpeg4", "theora"})


def check_message(message: Any) -> None:
    """Raise ImageError when the message cannot hold the picture that it describes; decodes nothing."""
    if is_compressed(message):
        check_format(message.format)
        if len(message.data) == 0:
            raise ImageError("compressed image without data")
        return
    height, width, step = message.height, message.width, message.step
    if height == 0 or width == 0:
        raise ImageError(f"image of size {width}×{height}")
    if message.encoding in PLANAR:
        check_planes(message)
        return
    dtype, channels = layout(message.encoding)
    row = width * channels * dtype.itemsize
    if step < row:
        raise ImageError(f"step {step} is less than the {row} bytes of {width} {message.encoding} pixels")
    if len(message.data) < step * height:
        raise ImageError(f"{len(message.data)} bytes of data, {height} rows of step {step} need {step * height}")


def rgb_pixels(message: Any) -> np.ndarray:
    """The picture of a message as it is stored, H×W×3 uint8 RGB; an orientation in its EXIF data turns nothing.

    16-bit colour and mono16 are scaled from their full range. Single channels without a range of their own (16UC1,
    32FC1 and the like) are stretched from their smallest to their largest finite value; what is not finite is black.
    Raises ImageError naming what is wrong with the message.
    """
    check_message(message)
    if is_compressed(message):
        return decompress(message)
    if message.encoding in PLANAR:
        return planes_to_rgb(message)
    return to_rgb(unpack_rows(message), message.encoding)


def is_compressed(message: Any) -> bool:
    """Whether this is a CompressedImage."""
    return hasattr(message, "format")


def layout(encoding: str) -> tuple[np.dtype, int]:
    """Element type and channels of an encoding; raises ImageError when it is not supported."""
    try:
        _, colours, element, channels = to_cvtype(encoding)
    except UnsupportedError:
        raise ImageError(f"encoding {encoding!r} is not supported") from None
    if encoding in PLANAR:
        raise ImageError(f"encoding {encoding!r} keeps its colours in planes of their own")
    if colours == Format.GENERIC and channels != 1 and encoding not in UNNAMED_COLOURS:
        raise ImageError(
            f"encoding {encoding!r} does not say which colours its channels are, nor their range; "
            "publish rgb8, bgr8 or mono8"
        )
    return np.dtype(element), channels


def unpack_rows(message: Any) -> np.ndarray:
    """Pixels of a checked raw message in its own encoding, H×W or H×W×C, padding and foreign byte order removed."""
    dtype, channels = layout(message.encoding)
    height, width, step = message.height, message.width, message.step
    if message.is_bigendian:
        dtype = dtype.newbyteorder(">")
    rows = np.frombuffer(message.data, np.uint8, count=step * height).reshape(height, step)
    packed = np.ascontiguousarray(rows[:, : width * channels * dtype.itemsize])
    pixels = packed.view(dtype).reshape((height, width) if channels == 1 else (height, width, channels))
    return pixels.astype(dtype.newbyteorder("="), copy=False)


def to_rgb(pixels: np.ndarray, encoding: str) -> np.ndarray:
    """Pixels of any supported encoding as H×W×3 uint8 RGB."""
    encoding = UNNAMED_COLOURS.get(encoding, encoding)
    if to_cvtype(encoding)[1] == Format.GENERIC:
        pixels, encoding = stretch(pixels), "mono8"
    try:
        return np.require(convert_color(pixels, encoding, "rgb8"), requirements=["C", "W"])
    except (UnsupportedError, cv2.error) as error:
        height, width = pixels.shape[:2]
        raise ImageError(f"{width}×{height} {encoding} image does not convert to RGB: {error}") from error


def stretch(values: np.ndarray) -> np.ndarray:
    """Single-channel values as uint8, their finite range mapped to 0 … 255; a constant picture is black."""
    with np.errstate(invalid="ignore"):  # signalling NaN
        values = values.astype(np.float64)
    finite = np.isfinite(values)
    low = values.min(where=finite, initial=math.inf)
    spread = values.max(where=finite, initial=-math.inf) - low
    if not spread > 0:
        return np.zeros(values.shape, np.uint8)
    return np.where(finite, np.rint((values - low) * (255.0 / spread)), 0.0).astype(np.uint8)


def check_format(text: str) -> None:
    """Raise ImageError when a CompressedImage's format is none of a single picture."""
    words = text.replace(";", " ").split()
    if DEPTH_TRANSPORT in words:
        raise ImageError(f"format {text!r} is a depth map of compressed_depth_image_transport, not a picture")
    for word in words:
        if word.lower() in VIDEO:
            raise ImageError(
                f"format {text!r} is a video stream, whose frames are no pictures of their own; publish JPEG or PNG"
            )


def decompress(message: Any) -> np.ndarray:
    """The picture of a CompressedImage (JPEG, PNG and what else OpenCV reads), H×W×3 uint8 RGB."""
    pixels = decoded(message.data)
    if pixels is None:
        raise ImageError(f"compressed image of format {message.format!r} is damaged or of an unknown kind")
    return to_rgb(pixels, encoding_inside(message.format, pixels))


def decoded(data: Any) -> np.ndarray | None:
    """What OpenCV reads from the bytes of a file, neither turned by EXIF nor cut to 8 bits; None when it cannot.

    Raises ImageError before anything is decoded when the picture says that it is larger than any camera's: a few
    kilobytes can hold gigabytes of one colour.
    """
    values = np.frombuffer(data, np.uint8)
    width, height = size_inside(values)
    if width * height > LARGEST_PICTURE:
        raise ImageError(f"compressed image of {width}×{height} pixels, more than {LARGEST_PICTURE}")
    try:
        return cv2.imdecode(values, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None


def size_inside(values: np.ndarray) -> tuple[int, int]:
    """Width and height that the header of a file tells, or 0 × 0 where Pillow does not know its kind."""
    try:
        with Image.open(BytesIO(values.data)) as picture:
            return picture.size
    except Image.DecompressionBombError as error:
        raise ImageError(f"compressed image: {error}") from None
    except Exception:  # Pillow's readers raise whatever they stumble over; OpenCV is to say what it makes of it
        return 0, 0


def encoding_inside(text: str, pixels: np.ndarray) -> str:
    """The encoding of a decoded picture: the raw image's in `ENCODING; CODEC …` where the pixels can be in it.

    Colours are in OpenCV's order by then, and only single channels need to be told apart (mono16, 16UC1, a mosaic).
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    plain = f"{ELEMENTS.get(pixels.dtype.name, pixels.dtype.name)}C{channels}"
    raw = text.partition(";")[0].strip()
    try:
        dtype, raw_channels = layout(raw)
    except ImageError:
        raw_channels = 0
    if channels == raw_channels == 1:
        if dtype == pixels.dtype:
            return raw
        if raw.startswith(MOSAIC):
            return raw.rstrip("0123456789") + str(8 * pixels.dtype.itemsize)
    layout(plain)
    return plain
