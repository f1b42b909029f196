"""Every encoding a camera may send, and every way in which a message may be wrong."""

from __future__ import annotations

import io
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from hybridgl_ros.errors import ImageError
from hybridgl_ros.metric.depth_image import depth_pixels
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


def yuv(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """ITU-R BT.601 luminance, blue and red difference of an RGB colour, limited range."""
    red, green, blue = (value / 255 for value in colour)
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    return (
        round(16 + 219 * luminance),
        round(128 + 224 * (blue - luminance) / 1.772),
        round(128 + 224 * (red - luminance) / 1.402),
    )


# Left half, right half.
HALVES = ((200, 40, 60), (30, 90, 220))
# Of each encoding: how the colour planes follow the luminance, and at which resolution.
PLANES = {
    "nv12": ("pairs", 2),
    "nv21": ("swapped pairs", 2),
    "nv24": ("pairs", 1),
    "nv42": ("swapped pairs", 1),
    "i420": ("planes", 2),
    "yuv420": ("planes", 2),
    "yv12": ("swapped planes", 2),
}


def planar(encoding: str, height: int, width: int, padding: int) -> SimpleNamespace:
    """HALVES in an encoding, its rows padded with rubbish."""
    order, part = PLANES[encoding]
    y, u, v = (np.repeat([left, right], width // 2)[None].repeat(height, 0) for left, right in zip(*map(yuv, HALVES)))
    u, v = u[::part, ::part], v[::part, ::part]
    if order.startswith("swapped"):
        u, v = v, u

    def padded(plane: np.ndarray, unit: float) -> bytes:
        filling = np.full((plane.shape[0], int(padding * unit)), 0xA5)
        return np.concatenate([plane, filling], axis=1).astype(np.uint8).tobytes()

    if order.endswith("pairs"):
        colour = padded(np.stack([u, v], axis=2).reshape(u.shape[0], -1), 2 / part)
    else:
        colour = padded(u, 1 / part) + padded(v, 1 / part)
    data = padded(y, 1) + colour
    return SimpleNamespace(
        height=height, width=width, encoding=encoding, step=width + padding, is_bigendian=0, data=data
    )


def assert_halves(image: np.ndarray, height: int, width: int) -> None:
    assert image.shape == (height, width, 3) and image.dtype == np.uint8 and image.flags.c_contiguous
    for half, colour in zip(np.split(image.astype(int), 2, axis=1), HALVES, strict=True):
        assert np.abs(half - colour).max() <= 3


@pytest.mark.parametrize("encoding", PLANES)
@given(height=st.integers(1, 8), quarter=st.integers(1, 6), padding=st.integers(0, 4))
def test_planar_yuv_keeps_its_colours(encoding: str, height: int, quarter: int, padding: int) -> None:
    sent = planar(encoding, 2 * height, 4 * quarter, 2 * padding)
    check_message(sent)
    assert_halves(rgb_pixels(sent), 2 * height, 4 * quarter)


@pytest.mark.parametrize(("encoding", "factor"), [("nv12", 1.5), ("nv12", 2), ("nv21", 2), ("i420", 1.5), ("nv24", 3)])
def test_a_step_that_counts_all_planes_is_understood(encoding: str, factor: float) -> None:
    sent = planar(encoding, 6, 8, 0)
    sent.step = int(8 * factor)
    assert_halves(rgb_pixels(sent), 6, 8)


def test_nv24_of_odd_size() -> None:
    sent = planar("nv24", 5, 6, 0)
    assert_halves(rgb_pixels(sent), 5, 6)


def exif(data: bytes, orientation: int) -> bytes:
    """A JPEG with an orientation in its EXIF data."""
    picture = Image.open(io.BytesIO(data))
    tags = picture.getexif()
    tags[0x0112] = orientation
    written = io.BytesIO()
    picture.save(written, "jpeg", exif=tags, quality="keep")
    return written.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_cameras_frame_is_as_stored_whatever_its_exif_says(orientation: int) -> None:
    image = np.zeros((16, 24, 3), np.uint8)
    image[:8, :8] = 255
    data = cv2.imencode(".jpg", image)[1].tobytes()
    stored = rgb_pixels(compressed(data, "jpeg"))
    assert stored.shape == (16, 24, 3) and stored[:6, :6].min() > 200
    assert np.array_equal(rgb_pixels(compressed(exif(data, orientation), "jpeg")), stored)


DEPTH = np.array([[500, 1000, 0], [1500, 500, 65535]], np.uint16)


@pytest.mark.parametrize(
    ("pixels", "encoding"),
    [
        (DEPTH, "16UC1"),
        (DEPTH, "mono16"),
        (DEPTH.astype(np.uint8), "mono8"),
        (DEPTH.astype(np.uint8), "8UC1"),
        (np.arange(64, dtype=np.uint8).reshape(8, 8), "bayer_rggb8"),
        (np.arange(64, dtype=np.uint8).reshape(8, 8), "bayer_gbrg8"),
        (np.arange(64, dtype=np.uint16).reshape(8, 8) * 257, "bayer_bggr16"),
    ],
)
@pytest.mark.parametrize("codec", ["png", "png compressed ", "tiff compressed "])
def test_single_channels_come_out_as_the_raw_image_would(pixels: np.ndarray, encoding: str, codec: str) -> None:
    data = cv2.imencode(f".{codec[:4].strip()}", pixels)[1].tobytes()
    raw = rgb_pixels(message(pixels, encoding))
    assert np.array_equal(rgb_pixels(compressed(data, f"{encoding}; {codec}")), raw)


def test_compressed_floats_are_stretched_like_raw_ones() -> None:
    depth = np.array([[0.5, 1.0], [np.nan, 1.5]], np.float32)
    data = cv2.imencode(".tiff", depth)[1].tobytes()
    assert np.array_equal(rgb_pixels(compressed(data, "32FC1; tiff compressed ")), rgb_pixels(message(depth, "32FC1")))


def test_a_16_bit_png_without_an_encoding_is_not_black() -> None:
    data = cv2.imencode(".png", DEPTH)[1].tobytes()
    assert np.array_equal(rgb_pixels(compressed(data, "png")), rgb_pixels(message(DEPTH, "16UC1")))


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [
        ("rgb8; png compressed bgr8", "bgr8"),
        ("rgba8; png compressed bgra8", "bgra8"),
        ("bgr16; png compressed bgr16", "bgr16"),
        ("bayer_rggb8; jpeg compressed bgr8", "bgr8"),
        ("nv12; png compressed bgr8", "bgr8"),
        ("16UC1; png", "bgr8"),
        ("", "bgr8"),
    ],
)
def test_coloured_pictures_have_the_colours_of_the_file(kind: str, encoding: str) -> None:
    """Whatever the raw image was: a viewer of the file would see the same."""
    channels = 4 if encoding == "bgra8" else 3
    pixels = np.arange(12 * channels, dtype=np.uint8).reshape(3, 4, channels)
    if encoding == "bgr16":
        pixels = pixels.astype(np.uint16) * 257
    data = cv2.imencode(".png", pixels)[1].tobytes()
    assert np.array_equal(rgb_pixels(compressed(data, kind)), rgb_pixels(message(pixels, encoding)))


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("16UC1; compressedDepth", "depth map"),
        ("32FC1; compressedDepth png", "depth map"),
        ("16UC1; compressedDepth rvl", "depth map"),
        ("h264", "video stream"),
        ("H265", "video stream"),
        ("rgb8; hevc compressed", "video stream"),
    ],
)
def test_what_is_no_picture_is_said_to_be_what_it_is(kind: str, word: str) -> None:
    for read in (check_message, rgb_pixels):
        with pytest.raises(ImageError, match=word) as refused:
            read(compressed(bytes(100), kind))
        assert kind in str(refused.value)


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
        ({"encoding": "32FC3"}, "32FC3' does not say which colours"),
        ({"encoding": "16SC3"}, "16SC3' does not say which colours"),
        ({"encoding": "bayer_rggb12p"}, "not supported"),
        ({"encoding": "nv12"}, "sides must be even"),
        ({"encoding": "nv12", "width": 4, "step": 3}, "step 3"),
        ({"encoding": "nv12", "width": 4, "step": 14}, "60 bytes of data, 4 rows of step 14 in nv12 need 84"),
        ({"encoding": "i420", "width": 4, "step": 4, "data": bytes(23)}, "23 bytes"),
        ({"encoding": "nv24", "data": bytes(59)}, "59 bytes"),
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


@pytest.mark.parametrize("side", [12_000, 30_000])
@pytest.mark.parametrize("encoding", ["png", "16UC1; compressedDepth png"])
def test_kilobytes_that_hold_gigabytes_are_not_decoded(monkeypatch, side: int, encoding: str) -> None:
    file = io.BytesIO()
    Image.new("1", (8, 8)).save(file, "png")
    size = struct.pack(">II", side, side)
    header = b"IHDR" + size + file.getvalue()[24:29]
    data = file.getvalue()[:12] + header + struct.pack(">I", zlib.crc32(header)) + file.getvalue()[33:]
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    read = rgb_pixels if encoding == "png" else depth_pixels
    with pytest.raises(ImageError, match=r"pixels"):
        read(compressed(data if encoding == "png" else bytes(12) + data, encoding))


def test_odd_sized_yuv_is_refused() -> None:
    with pytest.raises(ImageError, match="yuv422"):
        rgb_pixels(message(np.zeros((3, 5, 2), np.uint8), "yuv422"))
