"""Depth files and camera matrices as data sets store them, brought to metres and 3×3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.pictures import Size, opened, spell

MILLIMETRES = 0.001
"""Metres a unit of depth that is stored as whole numbers, unless a data set says otherwise."""


def read_depth(path: Path, entry: str, size: Size, scale: float | None = None) -> NDArray[np.float32]:
    """H×W float32 metres of a depth file: a picture of one channel (16-bit PNG, 32-bit float TIFF) or a .npy array.

    scale: metres a unit; millimetres for whole numbers and metres for others unless given. What is 0, negative or not
    finite is unknown, NaN. Raises DatasetError, naming the entry, when it cannot be read or is of another size.
    """
    values = stored_values(path, entry)
    if scale is None:
        scale = 1.0 if values.dtype.kind == "f" else MILLIMETRES
    return metres(values, scale, size, f"{entry}: depth {path}")


def stored_values(path: Path, entry: str) -> NDArray[Any]:
    """H×W numbers as a depth file holds them. Raises DatasetError when it holds none."""
    if path.suffix == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except FileNotFoundError as error:
            raise DatasetError(f"{entry}: depth {path} is missing") from error
        except (OSError, ValueError, EOFError) as error:
            raise DatasetError(f"{entry}: depth {path} cannot be read ({error})") from error
    else:
        with opened(path, entry, "depth") as picture:
            values = np.array(picture)
    if values.ndim != 2 or values.dtype.kind not in "uif":
        raise DatasetError(f"{entry}: depth {path} is not one number a pixel")
    return values


def metres(values: NDArray[Any], scale: float, size: Size, entry: str) -> NDArray[np.float32]:
    """H×W float32 metres, NaN where nothing was measured. Raises DatasetError for another size than the image's."""
    if values.shape != tuple(size):
        raise DatasetError(f"{entry} is {spell(values.shape)}, its image {spell(size)}")
    depth = values.astype(np.float32) * np.float32(scale)
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))


def camera_matrix(value: Any, entry: str) -> NDArray[np.float64]:
    """3×3 pinhole matrix of [fx, fy, cx, cy] or of nine numbers in rows. Raises DatasetError when it is none."""
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{entry}: intrinsics are no numbers") from error
    if numbers.shape == (4,):
        fx, fy, cx, cy = numbers
        numbers = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    if numbers.size != 9 or not np.isfinite(numbers).all():
        raise DatasetError(f"{entry}: intrinsics are neither [fx, fy, cx, cy] nor a 3×3 matrix")
    matrix = numbers.reshape(3, 3)
    if min(matrix[0, 0], matrix[1, 1]) <= 0:
        raise DatasetError(f"{entry}: intrinsics have no focal length")
    return matrix
