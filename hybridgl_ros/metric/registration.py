"""Depth onto the picture's grid: what fits is scaled, what does not is refused with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from hybridgl_ros.errors import PlaceError
from hybridgl_ros.metric.depth_image import depth_pixels

ASPECT = 0.01


@dataclass(frozen=True)
class CameraModel:
    """A pinhole camera as its calibration describes it.

    width, height: of the calibrated picture, in pixels. matrix: 3×3 float64. distortion: coefficients of any lens
    model; all zero for none. frame: name of the optical frame.
    """

    width: int
    height: int
    matrix: np.ndarray
    distortion: tuple[float, ...] = ()
    frame: str = ""


def camera_of(message: Any, rectified: bool) -> CameraModel:
    """The camera of a sensor_msgs/CameraInfo, or what looks like one.

    rectified: the pictures are; then the projection matrix P counts and the lens does not. Otherwise K and D. A region
    of interest and binning are taken into account. Raises PlaceError for a camera without calibration.
    """
    if rectified:
        matrix, lens = np.reshape(field(message, "p"), (3, 4))[:, :3].astype(np.float64), ()
    else:
        matrix, lens = np.reshape(field(message, "k"), (3, 3)).astype(np.float64), tuple(field(message, "d"))
    if not (np.isfinite(matrix).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise PlaceError("the camera is not calibrated: camera_info has no focal length")
    roi = message.roi
    width, height = message.width, message.height
    if roi.width and roi.height:
        matrix[:2, 2] -= roi.x_offset, roi.y_offset
        width, height = roi.width, roi.height
    if not (width and height):
        raise PlaceError("camera_info does not say how large the picture is")
    return CameraModel(width, height, matrix, lens, message.header.frame_id)


def field(message: Any, name: str) -> Any:
    """A matrix of a CameraInfo; ROS 1 writes its name in upper case."""
    return getattr(message, name) if hasattr(message, name) else getattr(message, name.upper())


def check_frames(image: str, depth: str, camera: CameraModel) -> None:
    """Raise PlaceError unless picture, depth and calibration are of one optical frame, without lens distortion.

    image, depth: frame_id of either.
    """
    if depth != image:
        raise PlaceError(f"the depth is in frame {depth!r}, the picture in {image!r}: publish depth registered to it")
    if camera.frame != image:
        raise PlaceError(f"camera_info is of frame {camera.frame!r}, the picture of {image!r}")
    if any(camera.distortion):
        raise PlaceError("the lens distorts: publish rectified pictures and depth, and set rectified to true")


def intrinsics_at(camera: CameraModel, height: int, width: int) -> np.ndarray:
    """3×3 float64 pinhole matrix for the camera's picture at another size.

    Raises PlaceError when the size is no scaled one of the camera's.
    """
    across, down = width / camera.width, height / camera.height
    check_aspect(across, down, f"camera_info is of {camera.width}×{camera.height}", height, width)
    matrix = camera.matrix.copy()
    # Pixel centres are at whole numbers, so that half a pixel is what scales.
    matrix[0] *= across
    matrix[1] *= down
    matrix[:2, 2] += (np.array([across, down]) - 1) / 2
    return matrix


def depth_at(depth: np.ndarray, height: int, width: int) -> np.ndarray:
    """H×W depth at another size, each pixel the nearest one: between two surfaces there is nothing to interpolate.

    Raises PlaceError when the size is no scaled one.
    """
    if depth.shape == (height, width):
        return depth
    check_aspect(
        width / depth.shape[1],
        height / depth.shape[0],
        f"the depth is {depth.shape[1]}×{depth.shape[0]}",
        height,
        width,
    )
    return cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def check_aspect(across: float, down: float, what: str, height: int, width: int) -> None:
    if abs(across / down - 1) > ASPECT:
        raise PlaceError(f"{what}, the picture {width}×{height}: another shape, so they do not show the same")


@dataclass(frozen=True)
class RegisteredDepth:
    """depth: H×W float32 metres on a picture's grid, NaN = unknown. intrinsics: 3×3 float64 pinhole matrix of both."""

    depth: np.ndarray
    intrinsics: np.ndarray


def registered(
    depth: Any, camera_info: Any, *, frame: str, height: int, width: int, rectified: bool
) -> RegisteredDepth:
    """A depth message and its camera's on the grid of a picture of that optical frame and size.

    depth: see `depth_pixels`. camera_info, rectified: see `camera_of`. Raises PlaceError with the reason when they do
    not fit, ImageError for a message that cannot be read.
    """
    camera = camera_of(camera_info, rectified)
    check_frames(frame, depth.header.frame_id, camera)
    return RegisteredDepth(depth_at(depth_pixels(depth), height, width), intrinsics_at(camera, height, width))
