"""Pixels and points of a pinhole camera: 3×3 intrinsics, optical frame (REP 103: x right, y down, z forward).

A pixel's centre is at whole numbers.
"""

from __future__ import annotations

import numpy as np


def back_projected(pixels: np.ndarray, depth: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """…×3 float64 metres of …×2 pixels (row, column) at … depths."""
    z = np.asarray(depth, np.float64)
    x = (pixels[..., 1] - intrinsics[0, 2]) / intrinsics[0, 0]
    y = (pixels[..., 0] - intrinsics[1, 2]) / intrinsics[1, 1]
    return np.stack([x * z, y * z, z], axis=-1)


def focal_length(intrinsics: np.ndarray) -> float:
    """Pixels; the geometric mean of both axes."""
    return float(np.sqrt(intrinsics[0, 0] * intrinsics[1, 1]))
