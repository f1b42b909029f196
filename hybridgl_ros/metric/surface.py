"""Mask and depth together: which pixels of a picture are the object's surface.

A mask is rarely exact: it misses a side of a cube, or covers the edge of what is behind. Depth falls into patches,
which end where the surface jumps, meets the plane or bends inwards (the boundary of two convex objects is concave;
after Stein et al., "Object partitioning using local convexity", CVPR 2014). Each patch belongs to the object or not, by
the share of it that the mask covers.
"""

from __future__ import annotations

import cv2
import numpy as np

from hybridgl_ros.metric.cloud import flying, inner
from hybridgl_ros.metric.pinhole import back_projected, focal_length
from hybridgl_ros.metric.plane import Plane
from hybridgl_ros.settings import MetricSettings

# Pixels round one whose depths are averaged before a bend is measured: a sensor's steps are no creases.
SMOOTH = 3
# Bridges between two patches that are no wider than twice this are none.
BRIDGE = 1


def surface(
    mask: np.ndarray, depth: np.ndarray, intrinsics: np.ndarray, plane: Plane, settings: MetricSettings
) -> np.ndarray:
    """H×W bool: a mask with the patches that it covers mostly, and without those that it hardly covers.

    mask: H×W bool. depth: H×W metres, unknown where not finite or not positive. intrinsics: 3×3. plane: what the object
    stands on; its pixels are left out. The patch with most of the mask always stays; it is completed only when it is
    covered mostly, too.
    """
    points = points_of(depth, intrinsics)
    known = np.isfinite(points[..., 2]) & ~flying(depth, settings)
    seen = mask & known & inner(mask, settings.rim)
    if not seen.any():
        return mask & np.isfinite(points[..., 2])
    free = known & (plane.heights(points) > settings.plane * float(np.median(points[..., 2][seen])))
    labels = patches(points[..., 2], free, creases(depth, free, intrinsics, settings), settings)
    sizes = np.bincount(labels.ravel())
    inside = np.bincount(labels[mask], minlength=len(sizes))
    inside[0] = 0
    share = inside / np.maximum(sizes, 1)
    added, spilt = share >= settings.covered, share < settings.spilt
    added[0] = spilt[0] = False
    spilt[inside.argmax()] = False
    found = (seen & ~spilt[labels]) | added[labels]
    return found if found.any() else seen


def points_of(depth: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """H×W×3 float64 metres in the optical frame, NaN where the depth is unknown."""
    z = np.where(np.isfinite(depth) & (depth > 0), depth, np.nan)
    return back_projected(np.moveaxis(np.indices(z.shape), 0, -1), z, intrinsics)


def patches(depth: np.ndarray, free: np.ndarray, creased: np.ndarray, settings: MetricSettings) -> np.ndarray:
    """H×W int32: the number of the patch of each pixel of H×W metres, 0 for none.

    free: H×W bool, pixels that may be of one. Neighbours are of one patch unless their depths are of different
    surfaces. creased: H×W bool, pixels that part patches; they are of the nearest one on the same surface.
    """
    padded = np.pad(depth, ((0, 1), (0, 1)), constant_values=np.nan)
    with np.errstate(invalid="ignore"):
        cut = [np.abs(other - depth) > settings.flying * depth for other in (padded[1:, :-1], padded[:-1, 1:])]
    core = free & ~creased & ~cut[0] & ~cut[1]
    core = cv2.erode(core.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=BRIDGE).astype(bool)
    labels = cv2.connectedComponents(core.astype(np.uint8), connectivity=4)[1]
    if not core.any():
        return labels
    _, nearest = cv2.distanceTransformWithLabels(
        (~core).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_core = np.zeros(nearest.max() + 1, np.int64)
    of_core[nearest[core]] = np.flatnonzero(core)
    source = of_core[nearest]
    with np.errstate(invalid="ignore"):
        joined = free & (np.abs(depth - depth.ravel()[source]) <= settings.flying * depth)
    return np.where(joined, labels.ravel()[source], 0)


def creases(depth: np.ndarray, free: np.ndarray, intrinsics: np.ndarray, settings: MetricSettings) -> np.ndarray:
    """H×W bool: pixels of a surface that bends towards the camera by more than `crease` between both sides of them."""
    weight = cv2.blur(free.astype(np.float64), (SMOOTH, SMOOTH))
    total = cv2.blur(np.where(free, depth, 0.0).astype(np.float64), (SMOOTH, SMOOTH))
    smooth = np.where(free, total / np.maximum(weight, 1e-9), np.nan)
    points = points_of(smooth, intrinsics)
    apart = max(1, round(settings.bend * focal_length(intrinsics)))
    normals = normals_of(points, apart)
    found = np.zeros(depth.shape, bool)
    for axis in (0, 1):
        step, turn = between(points, apart, axis), between(normals, apart, axis)
        with np.errstate(invalid="ignore", divide="ignore"):
            found |= (step * turn).sum(-1) / np.linalg.norm(step, axis=-1) < -settings.crease
    return found


def normals_of(points: np.ndarray, apart: int) -> np.ndarray:
    """H×W×3 unit normals of H×W×3 points, to the camera; NaN where unknown.

    apart: pixels to either side, between which the surface is taken for flat.
    """
    normals = np.cross(between(points, apart, 0), between(points, apart, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        normals = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
    away = (normals * points).sum(-1, keepdims=True) > 0
    return np.where(away, -normals, normals)


def between(values: np.ndarray, apart: int, axis: int) -> np.ndarray:
    """H×W×C: what H×W×C values change from so many pixels before to so many after, along an axis; NaN at the border."""
    changed = np.full(values.shape, np.nan)
    if values.shape[axis] > 2 * apart:
        moved = np.moveaxis(changed, axis, 0)
        along = np.moveaxis(values, axis, 0)
        moved[apart:-apart] = along[2 * apart :] - along[: -2 * apart]
    return changed
