"""The hidden half of an object, by symmetry: most things look the same after half a turn about their vertical axis.

After Bohg et al., "Mind the gap: robotic grasping under incomplete observation" (ICRA 2011), who mirror the visible
points at a vertical plane and ask whether the camera contradicts. Here the turn is about an axis, so that two numbers
are searched for, and the smallest of the objects that fit is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hybridgl_ros.settings import MetricSettings

STEPS = 9
ROUNDS = 5
REACH = 0.6
WORST = 0.25


@dataclass(frozen=True)
class Sight:
    """What the camera saw: mask H×W bool and depth H×W metres, and how far each pixel is from the mask, in pixels."""

    mask: np.ndarray
    depth: np.ndarray
    intrinsics: np.ndarray
    away: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray, depth: np.ndarray, intrinsics: np.ndarray) -> Sight:
        """With the distances worked out."""
        away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return cls(mask, depth, intrinsics, away)

    def contradiction(self, points: np.ndarray) -> np.ndarray:
        """How many metres each of …×3 points would have to move to be where the camera cannot see them; 0 for most.

        A point contradicts what was seen in front of the object's surface, or beside it in front of the background.
        What is beside the object and has no depth is taken for background.
        """
        height, width = self.mask.shape
        z = np.maximum(points[..., 2], 1e-9)
        column = np.rint(points[..., 0] / z * self.intrinsics[0, 0] + self.intrinsics[0, 2]).astype(np.int64)
        row = np.rint(points[..., 1] / z * self.intrinsics[1, 1] + self.intrinsics[1, 2]).astype(np.int64)
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        row, column = row.clip(0, height - 1), column.clip(0, width - 1)
        in_mask = self.mask[row, column]
        in_front = self.depth[row, column] - z
        in_front = np.where(np.isfinite(in_front), in_front, np.where(in_mask, 0.0, np.inf)).clip(min=0)
        beside = self.away[row, column] * z / np.sqrt(self.intrinsics[0, 0] * self.intrinsics[1, 1])
        return np.where(inside, np.where(in_mask, in_front, np.minimum(in_front, beside)), 0.0)


def axis_of(points: np.ndarray, up: np.ndarray, sight: Sight, settings: MetricSettings) -> np.ndarray:
    """The place (3,) of the vertical axis of half-turn symmetry of N×3 visible points: its point level with
    the origin.

    up: (3,) unit. A grid search that becomes finer, for the least of: mean contradiction of the turned points, and
    size of the box around both halves, weighted by `compactness`, both in sizes of what is seen.
    """
    level = level_axes(points, up)
    flat = points @ level.T
    sides = box_axes(flat)
    ends = np.quantile(flat @ sides.T, [settings.tail, 1 - settings.tail], axis=0)
    size = float((ends[1] - ends[0]).mean()) or 1.0
    thinned = points[:: max(1, len(points) // settings.most)]
    heights = (thinned @ up)[None, :, None] * up
    centre = ends.mean(0) @ sides
    reach = REACH * size
    grid = np.stack(np.meshgrid(*2 * [np.linspace(-1, 1, STEPS)], indexing="ij"), -1).reshape(-1, 2)
    for _ in range(ROUNDS):
        tried = centre + reach * grid
        turned = (2 * tried[:, None] - thinned @ level.T) @ level + heights
        contradicted = np.minimum(sight.contradiction(turned), WORST * size).mean(1) / size
        box = 2 * np.maximum(ends[1] - tried @ sides.T, tried @ sides.T - ends[0]).mean(1) / size
        centre = tried[np.argmin(contradicted + settings.compactness * box)]
        reach *= 2 / (STEPS - 1)
    return centre @ level


def level_axes(points: np.ndarray, up: np.ndarray) -> np.ndarray:
    """2×3 unit vectors, level: away from the camera as it looks at the points, and to the left of that."""
    away = points.mean(0)
    away = away - (away @ up) * up
    if np.linalg.norm(away) < 1e-9:
        away = np.cross(up, [1.0, 0.0, 0.0])
    away = away / np.linalg.norm(away)
    return np.stack([away, np.cross(up, away)])


def box_axes(flat: np.ndarray) -> np.ndarray:
    """2×2: the directions of the sides of the smallest rectangle around N×2 points."""
    (_, _, angle) = cv2.minAreaRect(flat.astype(np.float32))
    turn = np.radians(angle)
    return np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
