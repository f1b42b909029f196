"""The points of a mask in space, without those that belong to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hybridgl_ros.metric.pinhole import back_projected
from hybridgl_ros.settings import MetricSettings

NEIGHBOURS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if row or column]


@dataclass(frozen=True)
class Cloud:
    """N points of an object's visible surface.

    points: N×3 float64 metres in the optical frame (REP 103: x right, y down, z forward). pixels: N×2 int64, row and
    column of each in the picture.
    """

    points: np.ndarray
    pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def only(self, kept: np.ndarray) -> Cloud:
        """Those of N bool, or those with the given places."""
        return Cloud(self.points[kept], self.pixels[kept])


def cloud_of(mask: np.ndarray, depth: np.ndarray, intrinsics: np.ndarray, settings: MetricSettings) -> Cloud:
    """The points of an H×W bool mask; none where nothing was measured.

    depth: H×W metres along the optical axis, unknown where not finite or not positive. intrinsics: 3×3 pinhole matrix.
    Left out are the mask's rim, pixels that hang between two surfaces ("flying" ones), and what lies far behind or in
    front of the greater part.
    """
    known = mask & np.isfinite(depth) & (depth > 0)
    kept = known & inner(mask, settings.rim) & ~flying(depth, settings)
    return cloud_in(kept if kept.any() else known, depth, intrinsics, settings)


def cloud_in(kept: np.ndarray, depth: np.ndarray, intrinsics: np.ndarray, settings: MetricSettings) -> Cloud:
    """The points of H×W bool pixels with depth, without those far behind or in front of the greater part."""
    pixels = np.argwhere(kept)
    cloud = Cloud(back_projected(pixels, depth[kept], intrinsics), pixels)
    return cloud.only(greater_part(cloud.points[:, 2], settings.gap))


def inner(mask: np.ndarray, rim: int) -> np.ndarray:
    """The mask without a rim of so many pixels; the whole mask where that leaves nothing."""
    if not rim:
        return mask
    padded = np.pad(mask.astype(np.uint8), 1)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=rim)[1:-1, 1:-1].astype(bool)
    return eroded if eroded.any() else mask


def flying(depth: np.ndarray, settings: MetricSettings) -> np.ndarray:
    """H×W bool: pixels that too few of their eight neighbours are about as far away as, among those that are known."""
    known = np.isfinite(depth) & (depth > 0)
    values = np.pad(np.where(known, depth, np.nan), 1, constant_values=np.nan)
    height, width = depth.shape
    alike, there = np.zeros((2, height, width), np.int32)
    tolerance = settings.flying * np.where(known, depth, 0)
    for row, column in NEIGHBOURS:
        other = values[1 + row : 1 + row + height, 1 + column : 1 + column + width]
        there += np.isfinite(other)
        with np.errstate(invalid="ignore"):
            alike += np.abs(other - depth) <= tolerance
    return known & (alike < settings.flying_neighbours * there)


def greater_part(depths: np.ndarray, gap: float) -> np.ndarray:
    """N bool: the largest group of N depths that no gap, a share of the depth, cuts in two."""
    if not len(depths):
        return np.zeros(0, bool)
    order = np.argsort(depths, kind="stable")
    ordered = depths[order]
    group = np.concatenate([[0], np.cumsum(np.diff(ordered) > gap * ordered[:-1])])
    kept = np.zeros(len(depths), bool)
    kept[order] = group == np.bincount(group).argmax()
    return kept


def pieces(cloud: Cloud, shape: tuple[int, int], settings: MetricSettings) -> np.ndarray:
    """N bool: points of the largest connected piece, and of pieces not much smaller than it.

    shape: (H, W) of the picture. Neighbouring pixels hang together unless their depths are of different surfaces, so
    that the edge of another object, which a mask may cover, is a piece of its own.
    """
    rows, columns = cloud.pixels.T
    depth = np.full((shape[0] + 1, shape[1] + 1), np.nan)
    depth[rows, columns] = cloud.points[:, 2]
    inside = depth[:-1, :-1]
    with np.errstate(invalid="ignore"):
        cut = [np.abs(other - inside) > settings.flying * inside for other in (depth[1:, :-1], depth[:-1, 1:])]
    whole = np.isfinite(inside) & ~cut[0] & ~cut[1]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(whole.astype(np.uint8), connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    areas[0] = 0
    large = areas >= max(1.0, settings.piece * areas.max())
    return large[labels[rows, columns]]


COLOURED = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<f4")])


def coloured(clouds: Sequence[Cloud], image: np.ndarray) -> np.ndarray:
    """The points of all clouds with the colours of an H×W×3 uint8 RGB picture, as RViz and PCL read them.

    N of COLOURED: metres, and the bytes of 0x00RRGGBB as a float.
    """
    points = np.concatenate([cloud.points for cloud in clouds]) if clouds else np.zeros((0, 3))
    pixels = np.concatenate([cloud.pixels for cloud in clouds]) if clouds else np.zeros((0, 2), np.int64)
    red, green, blue = image[pixels[:, 0], pixels[:, 1]].astype("<u4").T
    found = np.empty(len(points), COLOURED)
    for name, values in zip("xyz", points.T, strict=True):
        found[name] = values
    found["rgb"] = (red << 16 | green << 8 | blue).view("<f4")
    return found
