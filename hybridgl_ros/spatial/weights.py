"""Sums of an enlarged map over masks, without enlarging it: the enlargement is linear, so its adjoint weighs the cells.

A map enlarged to the picture is R · values · Cᵀ with one matrix for the rows and one for the columns. Its sum over a
mask M under a prior P is ⟨Rᵀ (M ⊙ P) C, values⟩, and the first factor depends on the picture only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hybridgl_ros.memory import pieces
from hybridgl_ros.proposals.masks import corners
from hybridgl_ros.spatial.position import is_radial, position_map, position_ramps

# Weights of pixels are rounded to some 1e-16.
STRAIGHT = 1e-12


@lru_cache(maxsize=32)
def enlargement(cells: int, square: int, side: int | None = None) -> Tensor:
    """One axis of a map's way to the picture, …×cells float64: bilinear to `square`, then antialiased to `side`."""
    found = torch.eye(cells, dtype=torch.float64)[None, None]
    found = F.interpolate(found, size=(square, cells), mode="bilinear", align_corners=False)
    if side is not None:
        found = F.interpolate(found, size=(side, cells), mode="bilinear", align_corners=False, antialias=True)
    return found[0, 0]


@lru_cache(maxsize=32)
def extremal(cells: int, square: int, side: int | None = None) -> Tensor:
    """The rows of `enlargement` among which the enlarged map's lowest and highest value are.

    Where it runs straight from one pixel to the next but one, the pixel between cannot be extreme.
    """
    rows = enlargement(cells, square, side)
    bends = (rows[:-2] - 2 * rows[1:-1] + rows[2:]).abs().amax(dim=1) > STRAIGHT
    ends = bends.new_ones(1)
    return rows[torch.cat([ends, bends, ends])] if len(rows) > 2 else rows


@dataclass(frozen=True)
class MaskWeights:
    """What a map's cells weigh in sums over masks under one prior.

    inside: N×rows·columns float64; total: rows·columns, over the whole picture; area: N pixels; pixels: H·W.
    """

    inside: Tensor
    total: Tensor
    area: Tensor
    pixels: int


def mask_weights(
    masks: np.ndarray, grid: tuple[int, int], square: int, position: str = "none", middle: str = "radial"
) -> dict[str, MaskWeights]:
    """The weights of N×H×W bool masks, none empty, for maps of (rows, columns) cells, under the priors of positions.

    Of one pass over the masks come those of the position, and of all positions that rise or fall straight if it is
    such a one: what falls is what is left of what rises.
    """
    _, height, width = masks.shape
    rows, columns = enlargement(grid[0], square, height), enlargement(grid[1], square, width)
    if is_radial(position, middle):
        sums, area = masked_sums(masks, rows, columns, radial_weights(height, width))
        found = {position: sums}
    elif position == "middle":
        down, across = position_ramps(position, height, width)
        sums, area = masked_sums(masks, down.double()[:, None] * rows, across.double()[:, None] * columns)
        found = {position: sums}
    else:
        down, across = position_ramps("down", height, width)[0], position_ramps("right", height, width)[1]
        sums, area = masked_sums(
            masks,
            torch.cat([rows, down.double()[:, None] * rows], dim=1),
            torch.cat([columns, across.double()[:, None] * columns], dim=1),
        )
        upper, lower = sums.chunk(2, dim=1)
        (none, right), (down, _) = upper.chunk(2, dim=2), lower.chunk(2, dim=2)
        found = {"none": none, "right": right, "left": none - right, "down": down, "up": none - down}
    return {
        name: MaskWeights(sums[:-1].flatten(1), sums[-1].flatten(), area, height * width)
        for name, sums in found.items()
    }


def masked_sums(masks: np.ndarray, rows: Tensor, columns: Tensor, prior: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Rᵀ (M ⊙ P) C of N×H×W masks and at last of the whole picture, (N+1)×r×c float64; the masks' areas, N int64."""
    sums = torch.zeros(len(masks) + 1, rows.shape[1], columns.shape[1], dtype=torch.float64)
    area = torch.zeros(len(masks), dtype=torch.int64)
    for number, mask in enumerate(masks):
        left, top, right, bottom = corners(mask)
        box = slice(top, bottom + 1), slice(left, right + 1)
        sums[number] = adjoint(mask[box], rows[box[0]], columns[box[1]], None if prior is None else prior[box])
        area[number] = int(np.count_nonzero(mask[box]))
    sums[-1] = torch.outer(rows.sum(0), columns.sum(0)) if prior is None else rows.T @ (prior.double() @ columns)
    return sums, area


def adjoint(mask: np.ndarray, rows: Tensor, columns: Tensor, prior: Tensor | None) -> Tensor:
    """Rᵀ (M ⊙ P) C of the pixels of a box."""
    used = columns.any(dim=0)
    columns = columns[:, used]
    found = torch.zeros(rows.shape[1], columns.shape[1], dtype=torch.float64)
    for piece in pieces(len(mask), mask.shape[1] * torch.float64.itemsize):
        some = torch.from_numpy(mask[piece]).double()
        if prior is not None:
            some *= prior[piece]
        found += rows[piece].T @ (some @ columns)
    sums = found.new_zeros(len(found), len(used))
    sums[:, used] = found
    return sums


@lru_cache(maxsize=1)
def radial_weights(height: int, width: int) -> Tensor:
    return position_map("middle", height, width, "radial")
