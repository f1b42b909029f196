"""Measures of objects from their masks and, where there is one, the depth picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from hybridgl_ros.metric.pinhole import focal_length
from hybridgl_ros.settings import ObjectSettings


@dataclass(frozen=True)
class Geometry:
    """Measures of N objects, float64; pixels of the image, x right, y down; metres in the camera's optical frame.

    height, width: of the image. boxes: N×4 left, top, right, bottom, the last two exclusive. area: N pixels.
    depth: N metres along the optical axis, NaN where it was not measured. points: N×3 metres, the centres' places.
    size, tall: N, an object's extent and its height across the image, in metres where all have depth, else pixels.
    gap: N×N pixels between the nearest of the two masks. within: N×N, [i, j] = share of i inside the hull of j.
    overlap: N×N, [i, j] = share of i's pixels that are j's, too. metric: whether there is depth for all of them.
    """

    height: int
    width: int
    boxes: Tensor
    area: Tensor
    depth: Tensor
    points: Tensor
    size: Tensor
    tall: Tensor
    gap: Tensor
    within: Tensor
    overlap: Tensor
    metric: bool

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def x(self) -> Tensor:
        """Column of each box's centre."""
        return (self.boxes[:, 0] + self.boxes[:, 2]) / 2

    @property
    def y(self) -> Tensor:
        """Row of each box's centre."""
        return (self.boxes[:, 1] + self.boxes[:, 3]) / 2

    @property
    def contact(self) -> Tensor:
        """The lowest row, where an object that stands on the ground touches it."""
        return self.boxes[:, 3]

    @property
    def extent(self) -> Tensor:
        """√area, pixels."""
        return self.area.sqrt()


def measure(
    masks: np.ndarray, depth: np.ndarray | None, intrinsics: np.ndarray | None, settings: ObjectSettings
) -> Geometry:
    """Measures of N×H×W bool masks, none of them empty.

    depth: H×W float32 metres, NaN where it is not known. intrinsics: 3×3, needed for metres across the image.
    """
    height, width = masks.shape[1:]
    boxes = np.array([box_of(mask) for mask in masks], np.float64).reshape(-1, 4)
    area = masks.sum(axis=(1, 2)).astype(np.float64)
    depths = np.array([object_depth(mask, depth, settings.depth_erosion) for mask in masks], np.float64)
    metric = depth is not None and intrinsics is not None and bool(np.isfinite(depths).all())
    focal = focal_length(intrinsics) if metric and intrinsics is not None else 1.0
    scale = depths / focal if metric else np.ones_like(area)
    gap, within, overlap = pairs(masks, settings.resolution)
    sides = boxes[:, 2:] - boxes[:, :2]
    return Geometry(
        height=height,
        width=width,
        boxes=torch.from_numpy(boxes),
        area=torch.from_numpy(area),
        depth=torch.from_numpy(depths),
        points=torch.from_numpy(centre_points(boxes, depths, intrinsics)),
        size=torch.from_numpy(np.sqrt(area) * scale),
        tall=torch.from_numpy(sides[:, 1] * scale),
        gap=torch.from_numpy(gap),
        within=torch.from_numpy(within),
        overlap=torch.from_numpy(overlap),
        metric=metric,
    )


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the pixels of a mask that is not empty, the last two exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def object_depth(mask: np.ndarray, depth: np.ndarray | None, erosion: float) -> float:
    """Median depth inside the mask without its rim, metres; NaN when nothing was measured there.

    erosion: width of the rim, as a share of the square root of the mask's area.
    """
    if depth is None:
        return float("nan")
    left, top, right, bottom = box_of(mask)
    part, values = mask[top:bottom, left:right], depth[top:bottom, left:right]
    steps = round(erosion * float(np.sqrt(part.sum())))
    inner = part
    if steps:
        padded = np.pad(part.astype(np.uint8), 1)
        inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=steps)[1:-1, 1:-1].astype(bool)
    for chosen in (inner, part):
        known = values[chosen]
        known = known[np.isfinite(known)]
        if len(known):
            return float(np.median(known))
    return float("nan")


def centre_points(boxes: np.ndarray, depths: np.ndarray, intrinsics: np.ndarray | None) -> np.ndarray:
    """N×3 metres: the boxes' centres at the objects' depths; NaN where either is not known."""
    if intrinsics is None:
        return np.full((len(boxes), 3), np.nan)
    x = ((boxes[:, 0] + boxes[:, 2] - 1) / 2 - intrinsics[0, 2]) / intrinsics[0, 0]
    y = ((boxes[:, 1] + boxes[:, 3] - 1) / 2 - intrinsics[1, 2]) / intrinsics[1, 1]
    return np.stack([x * depths, y * depths, depths], axis=-1)


def pairs(masks: np.ndarray, resolution: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gap in pixels, share inside the other's hull, and share of common pixels of every two masks, each N×N.

    resolution: the longer side (px) of the grid on which they are measured; the gap is scaled back.
    """
    count, height, width = masks.shape
    if not count:
        return np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0))
    factor = min(1.0, resolution / max(height, width))
    small = np.stack([shrunk(mask, factor) for mask in masks])
    flat = small.reshape(count, -1).astype(np.float32)
    own = flat.sum(axis=1, keepdims=True)
    hulls = np.stack([hull_of(mask) for mask in small]).reshape(count, -1).astype(np.float32)
    away = [cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3).ravel() for mask in small]
    rims = [np.flatnonzero(mask - cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=0)) for mask in small]
    # Pixels that touch are one apart.
    gap = np.array([[max(float(away[j][rims[i]].min()) - 1, 0) for j in range(count)] for i in range(count)]) / factor
    common = flat @ flat.T
    gap[common > 0] = 0
    return np.minimum(gap, gap.T), (flat @ hulls.T / own).astype(np.float64), (common / own).astype(np.float64)


def shrunk(mask: np.ndarray, factor: float) -> np.ndarray:
    """A mask of uint8 0 and 1 in a smaller size; a mask too thin for it keeps its brightest pixel."""
    if factor == 1.0:
        return np.ascontiguousarray(mask, np.uint8)
    size = max(1, round(mask.shape[1] * factor)), max(1, round(mask.shape[0] * factor))
    cover = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return (cover >= min(0.5, float(cover.max()))).astype(np.uint8)


def hull_of(mask: np.ndarray) -> np.ndarray:
    """The filled convex hull of a uint8 mask, uint8."""
    points = cv2.findNonZero(mask)
    return cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), cv2.convexHull(points), 1)
