"""Every encoding a camera may send, and every way in which a message may be wrong."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hybridgl_ros.errors import ImageError
from hybridgl_ros.pixels import check_message, rgb_pixels, unpack_rows

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def message(pixels: np.ndarray, encoding: str, padding: int = 0, bigendian: bool = False) -> SimpleNamespace:
    """An Image whose rows end with `padding` bytes of rubbish."""
    height, width = pixels.shape[:2]
    ordered = pixels.astype(pixels.dtype.newbyteorder(">" if bigendian else "<"))
    rows = np.frombuffer(ordered.tobytes(), np.uint8).reshape(height, -1)
    padded = np.concatenate([rows, np.full((height, padding), 0xA5, np.uint8)], axis=1)
    return SimpleNamespace(
        height=height,
        width=width,
        encoding=encoding,
        step=padded.shape[1],
        is_bigendian=int(bigendian),
        data=padded.tobytes(),
    )


def compressed(data: bytes, kind: str = "png") -> SimpleNamespace:
    return SimpleNamespace(format=kind, data=data)


COLOURS = SIZES.flatmap(lambda size: arrays(np.uint8, (*size, 3)))


@given(image=COLOURS, padding=st.integers(0, 7))
def test_colour_orders_and_padding_do_not_change_the_picture(image: np.ndarray, padding: int) -> None:
    opaque = np.concatenate([image, np.full((*image.shape[:2], 1), 255, np.uint8)], axis=2)
    blue_first = np.ascontiguousarray(image[..., ::-1])
    for pixels, encoding in (
        (image, "rgb8"),
        (blue_first, "bgr8"),
        (blue_first, "8UC3"),
        (opaque, "rgba8"),
        (opaque[..., [2, 1, 0, 3]], "bgra8"),
        (opaque[..., [2, 1, 0, 3]], "8UC4"),
    ):
        assert np.array_equal(rgb_pixels(message(pixels, encoding, padding)), image)


@given(image=COLOURS, padding=st.integers(0, 7), bigendian=st.booleans())
def test_16_bit_colours_keep_their_upper_byte(image: np.ndarray, padding: int, bigendian: bool) -> None:
    wide = image.astype(np.uint16) * 257
    found = rgb_pixels(message(wide, "rgb16", padding, bigendian))
    assert np.abs(found.astype(int) - image).max() <= 1


@given(image=SIZES.flatmap(lambda size: arrays(np.uint8, size)), padding=st.integers(0, 7), bigendian=st.booleans())
def test_mono_becomes_grey(image: np.ndarray, padding: int, bigendian: bool) -> None:
    grey = np.repeat(image[..., None], 3, axis=2)
    assert np.array_equal(rgb_pixels(message(image, "mono8", padding)), grey)
    assert np.array_equal(rgb_pixels(message(image, "8UC1", padding)), grey)
    wide = message(image.astype(np.uint16) * 257, "mono16", padding, bigendian)
    assert np.abs(rgb_pixels(wide).astype(int) - grey).max() <= 1


@given(
    values=SIZES.flatmap(lambda size: arrays(np.float32, size, elements=st.floats(-100, 100, width=32))),
    bigendian=st.booleans(),
)
def test_floats_are_stretched_over_their_finite_range(values: np.ndarray, bigendian: bool) -> None:
    values[0, 0] = np.nan
    found = rgb_pixels(message(values, "32FC1", bigendian=bigendian))[..., 0]
    finite = np.isfinite(values)
    assert found[0, 0] == 0
    if finite.any() and np.ptp(values[finite]) > 0:
        assert found[values == values[finite].max()].min() == 255
        assert found[values == values[finite].min()].max() == 0
    else:
        assert not found.any()


def test_depth_in_millimetres_is_stretched() -> None:
    depth = np.array([[500, 1000], [1500, 500]], np.uint16)
    assert rgb_pixels(message(depth, "16UC1"))[..., 0].tolist() == [[0, 128], [255, 0]]


def test_nothing_finite_is_black() -> None:
    assert not rgb_pixels(message(np.full((2, 2), np.inf, np.float32), "32FC1")).any()


@pytest.mark.parametrize(
    ("pattern", "colours"),
    [("rggb", "RGGB"), ("bggr", "BGGR"), ("gbrg", "GBRG"), ("grbg", "GRBG")],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bayer_shows_the_colour_of_its_filters(pattern: str, colours: str, dtype: type) -> None:
    red_only = np.array([[255 if colour == "R" else 0 for colour in colours]], dtype).reshape(2, 2)
    if dtype is np.uint16:
        red_only *= 257
    image = rgb_pixels(message(np.tile(red_only, (8, 8)), f"bayer_{pattern}{8 * np.dtype(dtype).itemsize}", padding=2))
    inner = image[4:-4, 4:-4].astype(int)
    assert inner[..., 0].min() >= 254
    assert inner[..., 1:].max() == 0


def test_yuv422_grey() -> None:
    grey = np.full((4, 6, 2), 128, np.uint8)
    for encoding in ("yuv422", "uyvy", "yuv422_yuy2", "yuyv"):
        assert np.ptp(rgb_pixels(message(grey, encoding, padding=4))) == 0


def test_png_and_jpeg() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, :8] = (200, 20, 60)
    blue_first = np.ascontiguousarray(image[..., ::-1])
    assert np.array_equal(rgb_pixels(compressed(cv2.imencode(".png", blue_first)[1].tobytes())), image)
    close = rgb_pixels(compressed(cv2.imencode(".jpg", blue_first)[1].tobytes(), "rgb8; jpeg compressed bgr8"))
    assert np.abs(close.astype(int) - image)[:, 2:6].max() < 12


def test_the_picture_is_the_receivers_own() -> None:
    data = bytearray(GOOD.data)
    image = rgb_pixels(SimpleNamespace(**{**vars(GOOD), "data": bytes(data)}))
    image[:] = 9
    assert image.flags.c_contiguous
    assert not any(data)


def test_mask_labels_are_not_rescaled() -> None:
    labels = np.array([[0, 1, 2], [3, 4, 5]], np.uint8)
    assert np.array_equal(unpack_rows(message(labels, "mono8", padding=3)), labels)


GOOD = message(np.zeros((4, 5, 3), np.uint8), "rgb8")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"encoding": "rgb9"}, "rgb9"),
        ({"encoding": ""}, "not supported"),
        ({"encoding": "8UC2"}, "colours"),
        ({"encoding": "nv12"}, "nv12"),
        ({"data": GOOD.data[:-1]}, "59 bytes"),
        ({"data": b""}, "0 bytes"),
        ({"step": 14}, "step 14"),
        ({"step": 0}, "step 0"),
        ({"width": 0}, "size 0×4"),
        ({"height": 0}, "size 5×0"),
        ({"step": 2**31}, "bytes of data"),
    ],
)
def test_impossible_messages_say_what_is_wrong(changes: dict, word: str) -> None:
    bad = SimpleNamespace(**{**vars(GOOD), **changes})
    with pytest.raises(ImageError, match=word):
        check_message(bad)
    with pytest.raises(ImageError, match=word):
        rgb_pixels(bad)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff not a jpeg", bytes(100)])
def test_damaged_compressed_images(data: bytes) -> None:
    with pytest.raises(ImageError, match="compressed image"):
        rgb_pixels(compressed(data, "jpeg"))


def test_odd_sized_yuv_is_refused() -> None:
    with pytest.raises(ImageError, match="yuv422"):
        rgb_pixels(message(np.zeros((3, 5, 2), np.uint8), "yuv422"))
