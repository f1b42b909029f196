"""An object that is not proposed in a frame although the picture still shows it: its mask is carried over."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from hybridgl_ros.settings import TrackingSettings
from hybridgl_ros.tracking.camera import moved_mask
from hybridgl_ros.tracking.likeness import Expected
from hybridgl_ros.tracking.sighting import NOT_PROPOSED, Sighting, View, median
from hybridgl_ros.types import Candidate

# Pixels round the mask that are looked at: an object is known by its edges.
SURROUNDINGS = 3
LEAST_SHARE = 0.3
SAME_DEPTH = 0.1


def carried(
    expected: Expected, before: np.ndarray, view: View, shape: tuple[int, int], settings: TrackingSettings
) -> Sighting | None:
    """The object where it is expected, if the picture there looks as it did; None if not, or if that cannot be told.

    before: h×w uint8, the grey frame in which it was seen. shape: (H, W) of the picture. The sighting's candidate has
    the index NOT_PROPOSED, and the scores of the frame before.
    """
    mask = expected.mask
    if mask is None or before.shape != view.grey.shape or mask.sum() < LEAST_SHARE * expected.side**2:
        return None
    depth = np.nan if view.depth is None else median(view.depth[mask])
    if abs(np.log(depth / expected.seen.depth)) > SAME_DEPTH:  # not where either is unknown
        return None
    if likeness(before, view.grey, mask, expected.path) < settings.carry_likeness:
        return None
    rows, columns = np.nonzero(mask)
    return replace(
        expected.seen,
        candidate=moved_candidate(expected, mask, shape, view.scale),
        mask=mask,
        centre=np.array([columns.mean(), rows.mean()]),
        side=float(np.sqrt(len(rows))),
        depth=depth,
        focal=view.focal,
    )


def likeness(before: np.ndarray, after: np.ndarray, mask: np.ndarray, path: np.ndarray) -> float:
    """Correlation of two grey pictures in and round an h×w mask of the second; 0 where it has no contrast.

    path: 2×3, from the first picture to the second.
    """
    height, width = after.shape
    there = moved_mask(np.ones_like(mask), path)
    around = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=SURROUNDINGS) > 0
    moved = cv2.warpAffine(before, path, (width, height), flags=cv2.INTER_LINEAR)
    first, second = (picture[around & there].astype(np.float64) for picture in (moved, after))
    if len(first) < 2 or not first.std() or not second.std():
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def moved_candidate(expected: Expected, small: np.ndarray, shape: tuple[int, int], scale: float) -> Candidate:
    """The candidate of the frame before, moved on the picture's own pixels.

    small: h×w bool, the moved mask on the grid, never empty. shape: (H, W). scale: grid pixels per pixel.
    """
    path = expected.path.copy()
    path[:, 2] /= scale
    mask = moved_mask(expected.seen.candidate.mask, path)
    if mask.shape != shape or not mask.any():
        mask = cv2.resize(small.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = (float(columns[0]), float(rows[0]), float(columns[-1] - columns[0]), float(rows[-1] - rows[0]))
    return replace(expected.seen.candidate, index=NOT_PROPOSED, mask=mask, box=box)
