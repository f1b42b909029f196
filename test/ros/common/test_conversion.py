"""Images between messages and arrays; every encoding is tested with `pixels`."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from std_msgs.msg import Header

from hybridgl_ros.ros.common.conversion import (
    image_from_message,
    image_message,
    jpeg_message,
    mask_message,
    mask_png_message,
)

# Puts a cv_bridge in the way that cannot be used.
WITH_BRIDGE = """
import sys
sys.modules["cv_bridge"] = None
import numpy as np
from std_msgs.msg import Header
from hybridgl_ros.ros.common.conversion import image_from_message, image_message
pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
assert np.array_equal(image_from_message(image_message(pixels, "rgb8", Header())), pixels)
"""


def test_no_cv_bridge_is_needed() -> None:
    finished = subprocess.run([sys.executable, "-c", WITH_BRIDGE], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")


def test_rows_of_a_step_that_is_no_multiple_of_the_pixel_keep_their_place() -> None:
    """As cameras of 1366×768 send them: rows of 4098 bytes, each at a multiple of 8 or 16."""
    pixels = np.random.default_rng(0).integers(0, 256, (768, 1366, 3), np.uint8)
    message = image_message(np.pad(pixels.reshape(768, -1), ((0, 0), (0, 14))), "rgb8", Header())
    message.width, message.step = 1366, 4112
    assert np.array_equal(image_from_message(message), pixels)


def test_written_images_read_back() -> None:
    mask = np.zeros((3, 5), bool)
    mask[1, 2:4] = True
    message = mask_message(mask, Header(frame_id="optical"))
    assert (message.encoding, message.step, message.header.frame_id) == ("mono8", 5, "optical")
    assert np.array_equal(image_from_message(message)[..., 0], np.where(mask, 255, 0))
    depth = np.array([[0.5, np.nan]], np.float32)
    assert image_message(depth, "32FC1", Header()).step == 8


def test_compressed_pictures_are_those_of_image_transport() -> None:
    """As its publisher writes them: the encoding, the codec, and what the pixels were turned to before."""
    pixels = np.full((32, 48, 3), (200, 30, 60), np.uint8)
    jpeg = jpeg_message(pixels, 95, Header(frame_id="optical"))
    assert (jpeg.format, jpeg.header.frame_id) == ("rgb8; jpeg compressed bgr8", "optical")
    assert bytes(jpeg.data[:2]) == b"\xff\xd8"
    assert np.abs(image_from_message(jpeg).astype(int) - pixels).max() < 8
    mask = np.random.default_rng(0).random((32, 48)) < 0.5
    png = mask_png_message(mask[:, ::2], 3, Header(frame_id="optical"))
    assert (png.format, png.header.frame_id) == ("mono8; png compressed ", "optical")
    assert bytes(png.data[1:4]) == b"PNG"
    assert np.array_equal(image_from_message(png)[..., 0], np.where(mask[:, ::2], 255, 0))


@pytest.mark.parametrize(("write", "small", "large"), [(jpeg_message, 10, 90), (mask_png_message, 9, 0)])
def test_quality_and_effort_count(write, small: int, large: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = pixels if write is jpeg_message else pixels[..., 0] > 127
    assert len(write(content, small, Header()).data) < len(write(content, large, Header()).data)
