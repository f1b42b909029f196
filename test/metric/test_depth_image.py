"""Depth messages to metres."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from hybridgl_ros.errors import ImageError
from hybridgl_ros.metric.depth_image import HEADER, depth_pixels

METRES = np.array([[0.5, 1.25, np.nan], [2.0, 3.5, 0.001]], np.float32)


def raw(pixels: np.ndarray, encoding: str, bigendian: bool = False) -> SimpleNamespace:
    if bigendian:
        pixels = pixels.astype(pixels.dtype.newbyteorder(">"))
    height, width = pixels.shape
    rows = [row.tobytes() + b"\xff\xff\xff\xff" for row in pixels]
    return SimpleNamespace(
        height=height, width=width, step=len(rows[0]), encoding=encoding, is_bigendian=bigendian, data=b"".join(rows)
    )


def compressed(text: str, pixels: np.ndarray, header: bytes = b"") -> SimpleNamespace:
    return SimpleNamespace(format=text, data=header + cv2.imencode(".png", pixels)[1].tobytes())


def millimetres() -> np.ndarray:
    return np.nan_to_num(METRES * 1000).round().astype(np.uint16)


@pytest.mark.parametrize("bigendian", [False, True])
def test_both_encodings_of_rep_118(bigendian: bool) -> None:
    for message in (raw(METRES, "32FC1", bigendian), raw(millimetres(), "16UC1", bigendian)):
        found = depth_pixels(message)
        assert found.dtype == np.float32
        assert found == pytest.approx(METRES, nan_ok=True)


def test_what_is_no_distance_is_unknown() -> None:
    pixels = np.array([[np.inf, -np.inf, -1.0, 0.0, np.nan, 1.0]], np.float32)
    assert np.isfinite(depth_pixels(raw(pixels, "32FC1"))).tolist() == [[False] * 5 + [True]]


def test_png_of_millimetres() -> None:
    for message in (
        compressed("16UC1; compressedDepth png", millimetres(), bytes(HEADER.itemsize)),
        compressed("16UC1; compressedDepth", millimetres(), bytes(HEADER.itemsize)),
        compressed("16UC1; png compressed ", millimetres()),
    ):
        assert depth_pixels(message) == pytest.approx(METRES, nan_ok=True)


def test_png_of_inverse_depth() -> None:
    a, b = 20000.0, -5.0
    codes = np.where(np.isfinite(METRES) & (METRES > 0.4), np.round(a / METRES + b), 0).astype(np.uint16)
    header = np.array([(0, a, b)], HEADER).tobytes()
    found = depth_pixels(compressed("32FC1; compressedDepth png", codes, header))
    assert np.array_equal(np.isnan(found), codes == 0)
    assert found[codes > 0] == pytest.approx(METRES[codes > 0], rel=1e-3)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (raw(np.zeros((2, 2), np.uint8), "mono8"), "mono8"),
        (SimpleNamespace(format="16UC1; compressedDepth rvl", data=b"x" * 40), "RVL"),
        (SimpleNamespace(format="16UC1; compressedDepth png", data=b"x" * 40), "damaged"),
        (SimpleNamespace(format="16UC1; compressedDepth png", data=b""), "without data"),
        (compressed("8UC1; png compressed", np.zeros((2, 2), np.uint8)), "16 bits"),
        (SimpleNamespace(height=0, width=2, step=4, encoding="16UC1", is_bigendian=False, data=b""), "size"),
    ],
)
def test_other_messages_are_refused(message: SimpleNamespace, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        depth_pixels(message)
