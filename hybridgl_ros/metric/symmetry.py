"""The hidden half of an object, by symmetry: most things that stand or lie on a table have upright planes of symmetry.

After Bohg et al., "Mind the gap: robotic grasping under incomplete observation" (ICRA 2011), who mirror the visible
points at such a plane and ask whether the camera contradicts. Here the two planes are sought apart from one another,
and of the objects that fit the smallest is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from hybridgl_ros.metric.pinhole import focal_length
from hybridgl_ros.settings import MetricSettings

# Of the length of what is seen: how far apart places of a mirror are that are tried.
STEP = 0.025
# How many places after one must contradict no less for it to be a minimum.
AHEAD = 3
# Of the size of what is seen: a contradiction that is as bad as any worse one.
WORST = 0.5


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
        beside = self.away[row, column] * z / focal_length(self.intrinsics)
        return np.where(inside, np.where(in_mask, in_front, np.minimum(in_front, beside)), 0.0)


def axis_of(points: np.ndarray, up: np.ndarray, sight: Sight, settings: MetricSettings) -> np.ndarray:
    """The place (3,) of the vertical axis of an object of which N×3 points are seen: its point level with the origin.

    up: (3,) unit. The axis is where the two mirrors cross that stand along the sides of the smallest upright box around
    what is seen, see `mirror`.
    """
    level = level_axes(points, up)
    flat = points @ level.T
    sides = box_axes(flat)
    # Both point away from the camera, to where something may be hidden.
    sides = np.where(sides[:, :1] < 0, -sides, sides)
    near, far = np.quantile(flat @ sides.T, [settings.tail, 1 - settings.tail], axis=0)
    size = float((far - near).mean()) or 1.0
    thinned = points[:: max(1, len(points) // settings.most)]
    places = [
        mirror(thinned, side @ level, (float(first), float(last)), size, settings.hidden * float(side[0]), sight)
        for side, first, last in zip(sides, near, far, strict=True)
    ]
    return np.array(places) @ sides @ level


def mirror(
    points: np.ndarray, normal: np.ndarray, ends: tuple[float, float], size: float, hidden: float, sight: Sight
) -> float:
    """Where the mirror with a (3,) unit normal stands, at which N×3 points are turned into what the camera did not see.

    ends: where the points begin and end along the normal, metres; size: of what is seen, metres. From the middle of the
    ends on, to at most `hidden` of their distance beyond it, it is the first place at which the mirrored points
    contradict the camera less than at those that follow: the smallest object that fits. The middle itself where the
    contradiction falls up to the last of these places: then the object is not symmetric, or its end is not seen.
    """
    first, last = ends
    steps = max(1, int(np.ceil(hidden / STEP)))
    tried = (first + last) / 2 + (last - first) * STEP * np.arange(-1, steps + 1)
    mirrored = points + 2 * (tried[:, None] - points @ normal)[..., None] * normal
    cost = np.minimum(sight.contradiction(mirrored) / size, WORST).mean(1)
    place = next(
        number for number in range(len(cost)) if cost[number] <= cost[number + 1 :][:AHEAD].min(initial=np.inf)
    )
    if place == len(cost) - 1:
        return (first + last) / 2
    return float(tried[place] + lowest(cost[max(0, place - 1) : place + 2]) * (tried[1] - tried[0]))


def lowest(values: np.ndarray) -> float:
    """Where a parabola through three values is lowest, in steps from the middle one; 0 where there are not three."""
    if len(values) < 3:
        return 0.0
    bend = values[0] - 2 * values[1] + values[2]
    return float(np.clip((values[0] - values[2]) / (2 * bend), -0.5, 0.5)) if bend > 0 else 0.0


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
