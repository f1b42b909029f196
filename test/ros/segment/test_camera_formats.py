"""Frames as camera drivers and bags deliver them, over DDS: the answer is in the frame as it was sent."""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable

import cv2
import numpy as np
import PIL.Image
import pytest
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import Header

from hybridgl_ros.pixels import unpack_rows

WIDTH, HEIGHT = 48, 32
# Black with a red block.
PICTURE = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
PICTURE[10:16, 4:12, 0] = 255


def red_rows_and_columns(mask: ImageMessage) -> tuple[list[int], list[int]]:
    """Where the mask is, within a pixel (colours are at half the resolution in some encodings)."""
    rows, columns = np.nonzero(unpack_rows(mask))
    return [rows.min(), rows.max()], [columns.min(), columns.max()]


def turned_jpeg(orientation: int) -> bytes:
    """The red block as stored, with an orientation in the EXIF data."""
    image, written = PIL.Image.fromarray(PICTURE), io.BytesIO()
    tags = image.getexif()
    tags[0x0112] = orientation
    image.save(written, "jpeg", exif=tags, quality=95, subsampling=0)
    return written.getvalue()


def sent(data: bytes, kind: str) -> CompressedImage:
    return CompressedImage(header=Header(frame_id="optical"), format=kind, data=array("B", data))


def test_compressed_frames_are_answered_as_stored(start: Callable) -> None:
    node = start("-p", "image_transport:=compressed")
    node.wait_for_models()
    for orientation in (1, 3, 6):
        node.publish(sent(turned_jpeg(orientation), "jpeg"), "image/compressed")
        answer = node.client.refer("the red block").objects[0]
        assert (answer.mask.height, answer.mask.width) == (HEIGHT, WIDTH)
        assert np.abs(np.subtract(red_rows_and_columns(answer.mask), ([10, 15], [4, 11]))).max() <= 1
    depth = cv2.imencode(".png", PICTURE[..., 0].astype(np.uint16))[1].tobytes()
    node.publish(sent(depth, "16UC1; png compressed "), "image/compressed")
    answer = node.client.refer("the red block").objects[0]
    assert red_rows_and_columns(answer.mask) == ([10, 15], [4, 11])
    for kind, word in (("16UC1; compressedDepth png", "depth map"), ("h264", "video stream")):
        node.publish(sent(depth, kind), "image/compressed", counted="frames bad")
        node.wait_for_log(word)


@pytest.mark.parametrize("encoding", ["nv12", "i420"])
def test_planar_frames_are_answered(shared_node, encoding: str) -> None:
    planes = cv2.cvtColor(PICTURE, cv2.COLOR_RGB2YUV_I420)
    data = planes.tobytes()
    if encoding == "nv12":
        u, v = np.split(planes[HEIGHT:].ravel(), 2)
        data = planes[:HEIGHT].tobytes() + np.stack([u, v], axis=1).tobytes()
    message = ImageMessage(height=HEIGHT, width=WIDTH, encoding=encoding, step=WIDTH, data=array("B", data))
    response = shared_node.client.refer("the red block", message)
    assert response.success, response.message
    mask = response.objects[0].mask
    assert (mask.height, mask.width) == (HEIGHT, WIDTH)
    assert np.abs(np.subtract(red_rows_and_columns(mask), ([10, 15], [4, 11]))).max() <= 1


@pytest.mark.parametrize("encoding", ["32FC3", "16SC3"])
def test_channels_without_a_colour_are_refused_in_words(shared_node, encoding: str) -> None:
    step = WIDTH * 3 * (4 if encoding.startswith("32") else 2)
    message = ImageMessage(
        height=HEIGHT, width=WIDTH, encoding=encoding, step=step, data=array("B", bytes(HEIGHT * step))
    )
    response = shared_node.client.refer("the red block", message)
    assert not response.success
    assert f"encoding {encoding!r} does not say which colours" in response.message
