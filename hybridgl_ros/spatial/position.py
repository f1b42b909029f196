"""G_pos of Eq. 6: how strongly each pixel fits a position word."""

from __future__ import annotations

import torch
from torch import Tensor


def position_map(position: str, height: int, width: int, middle: str = "radial") -> Tensor:
    """H×W float32 in [0, 1].

    left and up fall linearly from 1 to 0, right and down rise from 0 to 1, none is 1 everywhere.
    middle: `radial` is 1 minus the distance to the image centre over its largest value, `tent` rises to the middle
    column and falls again. Raises KeyError for another position.
    """
    if is_radial(position, middle):
        return radial(height, width)
    rows, columns = position_ramps(position, height, width)
    return rows[:, None] * columns


def is_radial(position: str, middle: str) -> bool:
    """Whether a position's map is no product of a column and a row."""
    return position == "middle" and middle == "radial"


def position_ramps(position: str, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The column (H) and the row (W) whose product the map of a position is; `middle` is the tent."""
    rows, columns = torch.ones(height), torch.ones(width)
    shapes = {
        "none": lambda: (rows, columns),
        "left": lambda: (rows, torch.linspace(1, 0, width)),
        "right": lambda: (rows, torch.linspace(0, 1, width)),
        "up": lambda: (torch.linspace(1, 0, height), columns),
        "down": lambda: (torch.linspace(0, 1, height), columns),
        "middle": lambda: (rows, tent(width)),
    }
    return shapes[position]()


def tent(width: int) -> Tensor:
    """Rises from 0 to 1 over the left half of the columns, falls back to 0 over the right half."""
    half = width // 2
    return torch.cat([torch.linspace(0, 1, half), torch.linspace(1, 0, width - half)])


def radial(height: int, width: int) -> Tensor:
    """1 at the image centre, 0 in the corners."""
    y = torch.arange(height)[:, None] - (height - 1) / 2
    x = torch.arange(width)[None] - (width - 1) / 2
    distance = torch.sqrt(y**2 + x**2)
    return 1 - distance / distance.max().clamp(min=1)
