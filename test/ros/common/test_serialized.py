"""Serialized pictures are read without rclpy's message objects."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from hybridgl_ros.errors import ImageError
from hybridgl_ros.pixels import rgb_pixels
from hybridgl_ros.ros.common.serialized import picture_of

HEADER = Header(stamp=Time(sec=-3, nanosec=7), frame_id="über/Kamera")


@pytest.mark.parametrize("width", [1, 3, 64])
def test_an_image_is_the_one_that_rclpy_reads(width):
    pixels = np.arange(5 * width * 3, dtype=np.uint8).reshape(5, width, 3)
    sent = Image(header=HEADER, height=5, width=width, encoding="bgr8", is_bigendian=1, step=3 * width)
    sent.data = array("B", pixels.tobytes())
    header, message = picture_of(serialize_message(sent), Image)
    assert header == HEADER
    for name in ("height", "width", "encoding", "is_bigendian", "step"):
        assert getattr(message, name) == getattr(sent, name)
    assert np.array_equal(rgb_pixels(message), rgb_pixels(sent))


def test_a_compressed_image_is_the_one_that_rclpy_reads():
    sent = CompressedImage(header=HEADER, format="jpeg", data=array("B", b"\xff\xd8x"))
    header, message = picture_of(serialize_message(sent), CompressedImage)
    assert header == HEADER
    assert (message.format, bytes(message.data)) == ("jpeg", b"\xff\xd8x")
    assert not hasattr(message, "encoding")


@pytest.mark.parametrize("kind", [Image, CompressedImage])
def test_bytes_that_are_no_picture_are_refused_as_such(kind):
    whole = serialize_message(Image(header=HEADER, height=5, width=4, encoding="mono8", step=4, data=bytes(20)))
    with pytest.raises(ImageError, match="bytes that are no sensor_msgs/msg/"):
        picture_of(whole[:12], kind)
    for length in range(len(whole)):
        try:
            _, message = picture_of(whole[:length], kind)
        except ImageError:
            continue
        assert len(message.data) <= 20


def test_an_empty_image_is_read():
    _, message = picture_of(serialize_message(Image()), Image)
    assert (message.height, message.width, len(message.data)) == (0, 0, 0)
