"""Where an object is, how large it is, and how a gripper would come to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from hybridgl_ros.errors import PlaceError
from hybridgl_ros.metric.cloud import Cloud, cloud_in, cloud_of, pieces
from hybridgl_ros.metric.plane import Plane, plane_below, standing_height
from hybridgl_ros.metric.surface import surface
from hybridgl_ros.metric.symmetry import Sight, axis_of, box_axes, level_axes
from hybridgl_ros.settings import MetricSettings
from hybridgl_ros.types import Scene

LEVEL_CAMERA = np.array([0.0, -1.0, 0.0])
ENOUGH = 0.3
FOOT = 0.5


@dataclass(frozen=True)
class Placement:
    """An object in the camera's optical frame (REP 103: x right, y down, z forward), metres.

    position: (3,) the middle of the whole object: of the half that is seen and of the hidden one, see `symmetry`, and
    halfway between what it stands on and its top. extent: (3,) size of the box around both halves along the axes of
    rotation. rotation: 3×3, columns are the axes of a gripper that comes from above: z is the approach, down to the
    plane; x, along which it closes, lies along the shortest level extent, to the right rather than to the left; y
    follows. distance: from the camera's origin to position. cloud: the visible points.
    plane: what the object stands on; None when none was found, and the camera was taken as level.
    """

    position: np.ndarray
    extent: np.ndarray
    rotation: np.ndarray
    cloud: Cloud
    plane: Plane | None

    @property
    def distance(self) -> float:
        """Metres from the camera."""
        return float(np.linalg.norm(self.position))

    @property
    def quaternion(self) -> tuple[float, float, float, float]:
        """The rotation as x, y, z, w; w is not negative."""
        return quaternion_of(self.rotation)


def locate(mask: np.ndarray, depth: np.ndarray, intrinsics: np.ndarray, settings: MetricSettings) -> Placement:
    """The place of an H×W bool mask.

    depth: H×W metres along the optical axis, unknown where not finite or not positive. intrinsics: 3×3 pinhole matrix.
    Raises PlaceError with the reason when there is too little depth in the mask.
    """
    window, shifted = surroundings(mask, intrinsics, settings)
    found = locate_in(mask[window], depth[window], shifted, settings)
    corner = np.array([part.start for part in window])
    return replace(found, cloud=Cloud(found.cloud.points, found.cloud.pixels + corner))


def surroundings(
    mask: np.ndarray, intrinsics: np.ndarray, settings: MetricSettings
) -> tuple[tuple[slice, slice], np.ndarray]:
    """The rows and columns round an H×W bool mask that matter, and the 3×3 pinhole matrix of that part."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        rows = columns = np.zeros(1, np.int64)
    reach = int(np.ceil(settings.surroundings * max(1, int(np.ptp(rows)), int(np.ptp(columns)))))
    top, left = max(0, int(rows[0]) - reach), max(0, int(columns[0]) - reach)
    shifted = intrinsics.astype(np.float64)
    shifted[:2, 2] -= left, top
    return (slice(top, int(rows[-1]) + reach + 1), slice(left, int(columns[-1]) + reach + 1)), shifted


def locate_in(mask: np.ndarray, depth: np.ndarray, intrinsics: np.ndarray, settings: MetricSettings) -> Placement:
    """As `locate`, of a picture that shows the object and its surroundings only."""
    cloud = cloud_of(mask, depth, intrinsics, settings)
    if len(cloud) < settings.fewest:
        raise PlaceError(f"{len(cloud)} pixels of the object have depth, metric.fewest is {settings.fewest}")
    plane = plane_below(cloud, mask, depth, intrinsics, settings)
    if plane is None:
        up, foot = LEVEL_CAMERA, -np.inf
        heights = cloud.points @ up
    else:
        mask = surface(mask, depth, intrinsics, plane, settings)
        cloud = cloud_in(mask, depth, intrinsics, settings)
        up, foot = plane.normal, standing_height(plane, cloud, mask, depth, intrinsics, settings)
        heights = plane.heights(cloud.points)
        cloud, heights = above(cloud, heights, foot, settings)
    kept = pieces(cloud, mask.shape, settings)
    if kept.sum() >= settings.fewest:
        cloud, heights = cloud.only(kept), heights[kept]
    axis = axis_of(cloud.points, up, Sight.of(mask, depth, intrinsics), settings)
    lowest, top = np.quantile(heights, [settings.tail, 1 - settings.tail])
    bottom = lowest if plane is None else foot
    offset = 0.0 if plane is None else plane.offset
    level, sides = sides_of(cloud.points - axis, up, settings)
    shortest = level[np.argmin(sides)]
    rotation = gripper(shortest, up)
    return Placement(
        position=axis + up * (offset + (top + bottom) / 2),
        extent=np.array([sides.min(), sides.max(), top - bottom]),
        rotation=rotation,
        cloud=cloud,
        plane=plane,
    )


def place_of(scene: Scene, mask: np.ndarray, settings: MetricSettings) -> Placement:
    """The place of a mask of a scene. Raises PlaceError with the reason when it cannot be known."""
    if scene.depth is None or scene.intrinsics is None:
        raise PlaceError("there is no depth" if scene.depth is None else "the camera's intrinsics are not known")
    return locate(mask, scene.depth, scene.intrinsics, settings)


def above(cloud: Cloud, heights: np.ndarray, foot: float, settings: MetricSettings) -> tuple[Cloud, np.ndarray]:
    """Without the points of what the object stands on, which a mask may cover, unless they are nearly all."""
    tolerance = FOOT * settings.plane * float(np.median(cloud.points[:, 2]))
    kept = heights > foot + tolerance
    if kept.mean() < ENOUGH:
        return cloud, heights
    return cloud.only(kept), heights[kept]


def sides_of(points: np.ndarray, up: np.ndarray, settings: MetricSettings) -> tuple[np.ndarray, np.ndarray]:
    """Level directions (2×3) and lengths (2,) of the sides of the smallest box around N×3 points and their half turn
    about the origin."""
    basis = level_axes(points, up)
    flat = points @ basis.T
    both = np.concatenate([flat, -flat])
    sides = box_axes(both)
    return sides @ basis, 2 * np.quantile(both @ sides.T, 1 - settings.tail / 2, axis=0)


def gripper(closing: np.ndarray, up: np.ndarray) -> np.ndarray:
    """3×3 with columns x (closing, to the camera's right), y and z (down)."""
    x = closing if closing[0] >= 0 else -closing
    return np.stack([x, np.cross(-up, x), -up], axis=1)


def quaternion_of(rotation: np.ndarray) -> tuple[float, float, float, float]:
    """x, y, z, w of a 3×3 rotation matrix, w ≥ 0."""
    axis = cv2.Rodrigues(rotation)[0].ravel()
    angle = float(np.linalg.norm(axis))
    x, y, z = axis / angle * np.sin(angle / 2) if angle > 0 else np.zeros(3)
    return float(x), float(y), float(z), max(0.0, float(np.cos(angle / 2)))
