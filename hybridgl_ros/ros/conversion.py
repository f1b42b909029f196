"""Between ROS images and arrays: cv_bridge unpacks raw images where it works, our own reader where it does not."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from rclpy.logging import get_logger
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from hybridgl_ros.errors import ImageError
from hybridgl_ros.pixels import rgb_pixels


def image_from_message(message: Any) -> np.ndarray:
    """The picture of an Image or CompressedImage, H×W×3 uint8 RGB; see `pixels.rgb_pixels` for ranges and errors."""
    return rgb_pixels(message, unpack=bridge_unpack())


@cache
def bridge_unpack() -> Callable[[Any], np.ndarray] | None:
    """cv_bridge's reader of raw images, or None where it is missing or built for another NumPy."""
    try:
        from cv_bridge import CvBridge

        bridge = CvBridge()
        bridge.imgmsg_to_cv2(image_message(np.zeros((2, 2, 3), np.uint8), "rgb8", Header()), "passthrough")
    except ModuleNotFoundError:
        return None
    except Exception as error:  # a cv_bridge built for NumPy 1 fails in several ways under NumPy 2
        get_logger("hybridgl_ros").warning(
            f"cv_bridge does not work here ({type(error).__name__}: {error}); images are read without it"
        )
        return None

    def unpack(message: Any) -> np.ndarray:
        try:
            return bridge.imgmsg_to_cv2(message, "passthrough")
        except Exception as error:
            raise ImageError(f"cv_bridge cannot read a {message.encoding} image: {error}") from error

    return unpack


def image_message(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    """An Image of H×W or H×W×C pixels in their native byte order."""
    pixels = np.ascontiguousarray(pixels)
    message = Image(header=header, encoding=encoding)
    message.height, message.width = pixels.shape[:2]
    message.step = pixels.strides[0]
    # An array.array passes as it is; bytes or a list would be checked element by element.
    message.data = array("B", pixels.tobytes())
    return message


def mask_message(mask: np.ndarray, header: Header) -> Image:
    """A mono8 Image of an H×W bool mask: 255 inside, 0 outside."""
    return image_message(np.where(mask, np.uint8(255), np.uint8(0)), "mono8", header)
