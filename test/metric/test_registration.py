"""Depth and calibration onto the picture's grid."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.errors import PlaceError
from hybridgl_ros.metric.registration import CameraModel, camera_of, check_frames, depth_at, intrinsics_at

MATRIX = np.array([[300.0, 0, 159.5], [0, 310, 119.5], [0, 0, 1]])
CAMERA = CameraModel(320, 240, MATRIX, (0.0,) * 5, "optical")


def info(**changes) -> SimpleNamespace:
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    projection = np.column_stack([2 * MATRIX, np.zeros(3)]).ravel()
    values = {"width": 320, "height": 240, "k": MATRIX.ravel(), "d": [0.1, 0.0], "p": projection, "roi": roi}
    return SimpleNamespace(header=SimpleNamespace(frame_id="optical"), **{**values, **changes})


@given(factor=st.integers(1, 4), x=st.floats(-1, 1), y=st.floats(-1, 1))
def test_a_point_falls_into_the_same_place_of_a_scaled_picture(factor: int, x: float, y: float) -> None:
    one, other = MATRIX @ (x, y, 1), intrinsics_at(CAMERA, 240 * factor, 320 * factor) @ (x, y, 1)
    # Edges of pixels, not centres, are what scales.
    assert other[:2] + 0.5 == pytest.approx(factor * (one[:2] + 0.5))


def test_depth_is_repeated_not_mixed() -> None:
    depth = np.array([[1.0, 2.0], [3.0, np.nan]], np.float32)
    assert np.array_equal(depth_at(depth, 4, 4), depth.repeat(2, 0).repeat(2, 1), equal_nan=True)
    assert np.array_equal(depth_at(depth_at(depth, 6, 6), 2, 2), depth, equal_nan=True)
    assert depth_at(depth, 2, 2) is depth


def test_other_shapes_are_refused() -> None:
    with pytest.raises(PlaceError, match="the depth is 320×240, the picture 640×360"):
        depth_at(np.ones((240, 320), np.float32), 360, 640)
    with pytest.raises(PlaceError, match="camera_info is of 320×240, the picture 640×360"):
        intrinsics_at(CAMERA, 360, 640)


def test_what_is_not_registered_is_refused() -> None:
    check_frames("optical", "optical", CAMERA)
    with pytest.raises(PlaceError, match="registered"):
        check_frames("optical", "depth_optical", CAMERA)
    with pytest.raises(PlaceError, match="camera_info is of frame 'optical'"):
        check_frames("colour", "colour", CAMERA)
    with pytest.raises(PlaceError, match="rectified"):
        check_frames("optical", "optical", replace(CAMERA, distortion=(0.0, 0.1)))


def test_a_rectified_picture_has_another_matrix_and_no_lens() -> None:
    assert camera_of(info(), rectified=False).distortion == (0.1, 0.0)
    rectified = camera_of(info(), rectified=True)
    assert not rectified.distortion and np.array_equal(rectified.matrix, 2 * MATRIX)


def test_a_region_of_interest_moves_the_centre() -> None:
    roi = SimpleNamespace(x_offset=20, y_offset=10, width=200, height=150)
    camera = camera_of(info(roi=roi), rectified=False)
    assert (camera.width, camera.height) == (200, 150)
    assert camera.matrix[:2, 2] == pytest.approx([139.5, 109.5])


@pytest.mark.parametrize("changes", [{"k": np.zeros(9)}, {"width": 0}, {"k": np.full(9, np.nan)}])
def test_a_camera_without_calibration_is_refused(changes: dict) -> None:
    with pytest.raises(PlaceError, match="camera_info|calibrated"):
        camera_of(info(**changes), rectified=False)
