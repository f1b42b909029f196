"""The plane that an object stands on, found in the picture round it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hybridgl_ros.metric.cloud import Cloud
from hybridgl_ros.metric.pinhole import back_projected
from hybridgl_ros.settings import MetricSettings

SAMPLES = 1000
ABOVE = 0.8
LOWEST_PART = 0.25
REACH = 3
SEED = 0


@dataclass(frozen=True)
class Plane:
    """Points p with normal · p = offset; the normal (3,) has unit length and points to the camera's side, "up"."""

    normal: np.ndarray
    offset: float

    def heights(self, points: np.ndarray) -> np.ndarray:
        """N metres above the plane of N×3 points."""
        return points @ self.normal - self.offset


def plane_below(
    cloud: Cloud, mask: np.ndarray, depth: np.ndarray, intrinsics: np.ndarray, settings: MetricSettings
) -> Plane | None:
    """The plane with most points in a picture of an object and its surroundings with the object on the camera's side.

    None when there is no such plane. cloud: of the H×W bool mask. RANSAC, the same planes tried every time, then least
    squares on the inliers.
    """
    pixels = around(mask, depth)
    if len(pixels) < settings.fewest:
        return None
    points = back_projected(pixels, depth[pixels[:, 0], pixels[:, 1]], intrinsics)
    tolerance = settings.plane * float(np.median(cloud.points[:, 2]))
    rng = np.random.default_rng(SEED)
    corners = points[rng.integers(0, len(points), (settings.trials, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    normals, corners = normals[lengths > 0] / lengths[lengths > 0, None], corners[lengths > 0]
    offsets = (normals * corners[:, 0]).sum(-1)
    # The camera, the origin, is above.
    signs = np.where(offsets > 0, -1.0, 1.0)
    normals, offsets = normals * signs[:, None], offsets * signs
    on = np.abs(points @ normals.T - offsets) <= tolerance
    above = (cloud.points @ normals.T - offsets > -tolerance).mean(0) >= ABOVE
    counts = on.sum(0) * above
    if not len(counts) or counts.max() < max(3, settings.plane_share * len(points)):
        return None
    return fitted(points[on[:, counts.argmax()]])


def fitted(points: np.ndarray) -> Plane:
    """The least-squares plane of N×3 points, N ≥ 3."""
    middle = points.mean(0)
    normal = np.linalg.svd(points - middle, full_matrices=False)[2][2]
    offset = float(normal @ middle)
    return Plane(-normal, -offset) if offset > 0 else Plane(normal, offset)


def around(mask: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """M×2 pixels (row, column) with depth outside an H×W bool mask, evenly thinned."""
    outside = ~cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=REACH).astype(bool)
    pixels = np.argwhere(outside & np.isfinite(depth) & (depth > 0))
    return pixels[:: max(1, len(pixels) // SAMPLES)]


def standing_height(
    plane: Plane, cloud: Cloud, mask: np.ndarray, depth: np.ndarray, intrinsics: np.ndarray, settings: MetricSettings
) -> float:
    """Metres above the plane of what an object stands on; 0 on the plane, and where its foot is hidden.

    It is read from what is seen right below the object.
    """
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=REACH).astype(bool)
    near = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    pixels = np.argwhere(grown & ~near & np.isfinite(depth) & (depth > 0))
    along = downwards(plane, cloud, intrinsics)
    reached = cloud.pixels @ along
    lowest = reached.max() - LOWEST_PART * np.ptp(reached)
    pixels = pixels[pixels @ along > lowest]
    if not len(pixels):
        return 0.0
    tolerance = settings.plane * float(np.median(cloud.points[:, 2]))
    points = back_projected(pixels, depth[pixels[:, 0], pixels[:, 1]], intrinsics)
    foot = float(np.median(cloud.points[reached > lowest][:, 2]))
    behind = points[:, 2] > foot - tolerance
    if behind.mean() < 0.5:
        return 0.0
    height = float(np.median(plane.heights(points[behind])))
    height = min(height, float(np.quantile(plane.heights(cloud.points), settings.tail)))
    return height if height > tolerance else 0.0


def downwards(plane: Plane, cloud: Cloud, intrinsics: np.ndarray) -> np.ndarray:
    """(2,) unit direction in rows and columns in which the picture shows "down" at an object."""
    middle = cloud.points.mean(0)
    step = 0.01 * middle[2]
    ends = np.stack([middle, middle - step * plane.normal])
    seen = ends[:, :2] / ends[:, 2:] * (intrinsics[0, 0], intrinsics[1, 1])
    direction = (seen[1] - seen[0])[::-1]
    length = float(np.linalg.norm(direction))
    return direction / length if length > 0 else np.array([1.0, 0.0])
