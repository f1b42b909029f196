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
    columns = torch.linspace(0, 1, width).expand(height, width)
    rows = torch.linspace(0, 1, height)[:, None].expand(height, width)
    shapes = {
        "none": lambda: torch.ones(height, width),
        "left": lambda: torch.linspace(1, 0, width).expand(height, width),
        "right": lambda: columns,
        "up": lambda: torch.linspace(1, 0, height)[:, None].expand(height, width),
        "down": lambda: rows,
        "middle": lambda: tent(height, width) if middle == "tent" else radial(height, width),
    }
    return shapes[position]()


def tent(height: int, width: int) -> Tensor:
    """Rises from 0 to 1 over the left half of the columns, falls back to 0 over the right half."""
    half = width // 2
    return torch.cat([torch.linspace(0, 1, half), torch.linspace(1, 0, width - half)]).expand(height, width)


def radial(height: int, width: int) -> Tensor:
    """1 at the image centre, 0 in the corners."""
    y = torch.arange(height)[:, None] - (height - 1) / 2
    x = torch.arange(width)[None] - (width - 1) / 2
    distance = torch.sqrt(y**2 + x**2)
    return 1 - distance / distance.max().clamp(min=1)
