"""Solids on a table as a camera sees them from above: masks and depths that are known exactly."""

from __future__ import annotations

import numpy as np

from hybridgl_ros.config import load_config

SETTINGS = load_config("embedded").metric
HEIGHT, WIDTH, FOCAL = 240, 320, 300.0
INTRINSICS = np.array([[FOCAL, 0, (WIDTH - 1) / 2], [0, FOCAL, (HEIGHT - 1) / 2], [0, 0, 1]])
STEEP = np.radians(45)
UP = np.array([0, -np.cos(STEEP), -np.sin(STEEP)])
AWAY = np.array([0, -np.sin(STEEP), np.cos(STEEP)])
RIGHT = np.array([1.0, 0, 0])
TABLE = np.array([0, 0, 1.0])
RAYS = np.stack(
    [
        (np.arange(WIDTH)[None] - INTRINSICS[0, 2]) / FOCAL + np.zeros((HEIGHT, 1)),
        (np.arange(HEIGHT)[:, None] - INTRINSICS[1, 2]) / FOCAL + np.zeros((1, WIDTH)),
        np.ones((HEIGHT, WIDTH)),
    ],
    -1,
)


def seen(depth_of_object: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mask and depth of an object, whose own depth is infinite where it is not, on the table."""
    table = (TABLE @ UP) / (RAYS @ UP)
    depth = np.minimum(depth_of_object, np.where(table > 0, table, np.nan))
    return np.isfinite(depth_of_object) & (depth_of_object <= depth), depth.astype(np.float32)


def box(centre: np.ndarray, turn: float, sides: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A box of level sides and height, turned by an angle."""
    axes = np.stack([np.cos(turn) * RIGHT + np.sin(turn) * AWAY, -np.sin(turn) * RIGHT + np.cos(turn) * AWAY, UP])
    with np.errstate(divide="ignore"):
        slopes = 1 / (RAYS @ axes.T)
    middle, half = axes @ centre, np.array(sides) / 2
    near, far = np.sort([(middle - half) * slopes, (middle + half) * slopes], axis=0)
    first, last = near.max(-1), far.min(-1)
    return seen(np.where(first < last, first, np.inf))


def ball(centre: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    along = RAYS @ centre / (RAYS**2).sum(-1)
    inside = along**2 - (centre @ centre - radius**2) / (RAYS**2).sum(-1)
    return seen(np.where(inside > 0, along - np.sqrt(np.maximum(inside, 0)), np.inf))


def on_table(right: float, away: float, height: float) -> np.ndarray:
    return TABLE + right * RIGHT + away * AWAY + height * UP
