"""Between ROS images and arrays, without cv_bridge: it shifts rows whose step is no multiple of the pixel size, and one
built for another NumPy does not import."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from sensor_msgs.msg import Image
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
    # An array.array passes as it is; bytes or a list would be checked element by element.
    data = array("B")
    data.frombytes(pixels.reshape(-1).view(np.uint8).data)
    message.data = data
    return message


def mask_message(mask: np.ndarray, header: Header) -> Image:
    """A mono8 Image of an H×W bool mask: 255 inside, 0 outside."""
    return image_message(np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255), "mono8", header)
