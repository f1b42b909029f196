"""Images through cv_bridge where it works, and without it where it does not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
from std_msgs.msg import Header

from hybridgl_ros.errors import ImageError
from hybridgl_ros.ros.conversion import bridge_unpack, image_from_message, image_message, mask_message

PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


@pytest.fixture(autouse=True)
def fresh_choice() -> Iterator[None]:
    bridge_unpack.cache_clear()
    yield
    bridge_unpack.cache_clear()


def install_bridge(monkeypatch: pytest.MonkeyPatch, convert) -> list[str]:
    """Puts a cv_bridge in place that converts by the given function; returns the encodings it was asked for."""
    asked: list[str] = []

    class CvBridge:
        def imgmsg_to_cv2(self, message, desired_encoding: str):
            asked.append(desired_encoding)
            return convert(message)

    module = ModuleType("cv_bridge")
    module.CvBridge = CvBridge
    monkeypatch.setitem(sys.modules, "cv_bridge", module)
    return asked


def test_without_cv_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    assert np.array_equal(image_from_message(image_message(PIXELS, "rgb8", Header())), PIXELS)


def test_a_working_cv_bridge_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = install_bridge(monkeypatch, lambda message: PIXELS[..., ::-1])
    assert np.array_equal(image_from_message(image_message(np.zeros_like(PIXELS), "bgr8", Header())), PIXELS)
    assert set(asked) == {"passthrough"}


def test_a_cv_bridge_of_another_numpy_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    def fail(message):
        raise AttributeError("_ARRAY_API not found")

    asked = install_bridge(monkeypatch, fail)
    for _ in range(3):
        assert np.array_equal(image_from_message(image_message(PIXELS, "rgb8", Header())), PIXELS)
    assert len(asked) == 1
    assert capfd.readouterr().err.count("cv_bridge does not work here") == 1


def test_what_cv_bridge_cannot_read_is_an_image_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def picky(message):
        if message.encoding != "rgb8":
            raise RuntimeError("no")
        return PIXELS

    install_bridge(monkeypatch, picky)
    with pytest.raises(ImageError, match="cv_bridge cannot read a bgr8 image: no"):
        image_from_message(image_message(PIXELS, "bgr8", Header()))


def test_written_images_read_back() -> None:
    mask = np.zeros((3, 5), bool)
    mask[1, 2:4] = True
    message = mask_message(mask, Header(frame_id="optical"))
    assert (message.encoding, message.step, message.header.frame_id) == ("mono8", 5, "optical")
    assert np.array_equal(image_from_message(message)[..., 0], np.where(mask, 255, 0))
    depth = np.array([[0.5, np.nan]], np.float32)
    assert image_message(depth, "32FC1", Header()).step == 8
