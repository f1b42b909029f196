"""Between ROS images and arrays, without cv_bridge: it shifts rows whose step is no multiple of the pixel size, and one
built for another NumPy does not import."""

from __future__ import annotations

from array import array
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from hybridgl_ros.pixels import rgb_pixels


def image_from_message(message: Any) -> np.ndarray:
    """The picture of an Image or CompressedImage, H×W×3 uint8 RGB; see `pixels.rgb_pixels` for ranges and errors."""
    return rgb_pixels(message)


def image_message(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    """An Image of H×W or H×W×C pixels in their native byte order."""
    pixels = np.ascontiguousarray(pixels)
    message = Image(header=header, encoding=encoding)
    message.height, message.width = pixels.shape[:2]
    message.step = pixels.strides[0]
    message.data = bytes_of(pixels)
    return message


def mask_message(mask: np.ndarray, header: Header) -> Image:
    """A mono8 Image of an H×W bool mask: 255 inside, 0 outside."""
    data = array("B", b"\0") * mask.size
    # As unsigned bytes, minus one is 255.
    np.negative(np.asarray(mask, bool).view(np.uint8), out=np.frombuffer(data, np.uint8).reshape(mask.shape))
    message = Image(header=header, encoding="mono8")
    message.height, message.width = mask.shape
    message.step = message.width
    message.data = data
    return message


def jpeg_message(pixels: np.ndarray, quality: int, header: Header) -> CompressedImage:
    """H×W×3 uint8 RGB pixels as image_transport's compressed JPEG. quality: 1 to 100."""
    blue_first = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".jpg", blue_first, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return CompressedImage(header=header, format="rgb8; jpeg compressed bgr8", data=bytes_of(data))


def mask_png_message(mask: np.ndarray, level: int, header: Header) -> CompressedImage:
    """`mask_message` as image_transport's compressed PNG. level: 0 for fast to 9 for small."""
    data = cv2.imencode(".png", mask_pixels(mask), (cv2.IMWRITE_PNG_COMPRESSION, level))[1]
    return CompressedImage(header=header, format="mono8; png compressed ", data=bytes_of(data))


def mask_pixels(mask: np.ndarray) -> np.ndarray:
    """H×W uint8 of an H×W bool mask: 255 inside, 0 outside."""
    return np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255)


def bytes_of(pixels: np.ndarray) -> array:
    """Contiguous pixels as a message takes them as they are; bytes or a list would be checked element by element."""
    data = array("B")
    data.frombytes(pixels.reshape(-1).view(np.uint8).data)
    return data
