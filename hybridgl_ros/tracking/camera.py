"""How the whole picture moved from one frame to the next: the camera's motion, as objects that stand still show it.

Sparse optical flow and a robust similarity transform, as BoT-SORT (Aharon et al., 2022, §3.2) compensates the camera.
"""

from __future__ import annotations

import cv2
import numpy as np

CORNERS = 300
QUALITY = 0.01
SPACING = 6
WINDOW = (21, 21)
LEVELS = 4
FEWEST = 8
LARGEST_SCALE = 2.0
STILL = np.eye(2, 3)


def motion(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """2×3 float64: where a pixel (x, y, 1) of one H×W uint8 picture is in the next one.

    No motion where it cannot be told: pictures of different sizes, without corners, or with nothing in common.
    """
    if before.shape != after.shape or np.array_equal(before, after):
        return STILL
    corners = cv2.goodFeaturesToTrack(before, CORNERS, QUALITY, SPACING)
    if corners is None or len(corners) < FEWEST:
        return STILL
    moved, known = flow(before, after, corners)
    back, known_back = flow(after, before, moved)
    returned = np.linalg.norm(back - corners, axis=-1).ravel() < 1
    kept = (known.ravel() > 0) & (known_back.ravel() > 0) & returned
    if kept.sum() < FEWEST:
        return STILL
    found, _ = cv2.estimateAffinePartial2D(corners[kept], moved[kept], ransacReprojThreshold=2.0)
    if found is None or not 1 / LARGEST_SCALE < np.hypot(*found[:, 0]) < LARGEST_SCALE:
        return STILL
    return found


def flow(before: np.ndarray, after: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where N×1×2 float32 points of one picture are in the next one, and N×1 uint8, 0 where they were not found."""
    moved, known, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, np.zeros_like(points), winSize=WINDOW, maxLevel=LEVELS
    )
    return np.asarray(moved), np.asarray(known)


def moved_mask(mask: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """An H×W bool mask after a 2×3 transform."""
    height, width = mask.shape
    flags = cv2.INTER_NEAREST
    return cv2.warpAffine(mask.astype(np.uint8), transform, (width, height), flags=flags).astype(bool)


def moved_point(point: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """A point (2,) after a 2×3 transform."""
    return transform[:, :2] @ point + transform[:, 2]


def shifted(transform: np.ndarray, by: np.ndarray) -> np.ndarray:
    """A 2×3 transform, and a shift (2,) after it."""
    return np.column_stack([transform[:, :2], transform[:, 2] + by])
