"""R(i, j): how surely object i stands in a relation to object j, from masks and depth, with soft margins."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hybridgl_ros.grounding.axes import axis_values, nearness
from hybridgl_ros.grounding.geometry import Geometry
from hybridgl_ros.settings import GroundingSettings

Relation = Callable[[Geometry, GroundingSettings], Tensor]


def relation_matrix(kind: str, geometry: Geometry, settings: GroundingSettings) -> Tensor:
    """R(i, j) of one of `RELATIONS` between two objects, N×N float64 in [0, 1], 0 on the diagonal.

    Raises KeyError for another relation; `between` has three places, see `between_tensor`.
    """
    matrix = BINARY[kind](geometry, settings)
    return matrix.fill_diagonal_(0) if len(geometry) else matrix


def before(values: Tensor) -> Tensor:
    """P(i has the smaller value), N×N float64; ½ where one is not known."""
    return torch.sigmoid(values[None] - values[:, None]).nan_to_num(nan=0.5)


def left(geometry: Geometry, settings: GroundingSettings) -> Tensor:
    return before(axis_values("x", geometry, settings))


def above(geometry: Geometry, settings: GroundingSettings) -> Tensor:
    return before(axis_values("y", geometry, settings))


def front(geometry: Geometry, settings: GroundingSettings) -> Tensor:
    return before(nearness(geometry, settings))


def smaller(geometry: Geometry, settings: GroundingSettings) -> Tensor:
    return before(axis_values("size", geometry, settings))


def shorter(geometry: Geometry, settings: GroundingSettings) -> Tensor:
    return before(axis_values("height", geometry, settings))


def near(geometry: Geometry, settings: GroundingSettings) -> Tensor:
    return torch.sigmoid((settings.near - relative_gap(geometry)) / settings.near_softness)


def touching(geometry: Geometry, settings: GroundingSettings) -> Tensor:
    return torch.sigmoid((settings.touching - relative_gap(geometry)) / settings.touching_softness)


def relative_gap(geometry: Geometry) -> Tensor:
    """Gap between two objects in units of their mean size, N×N; with depth, more than two sizes along it count, too."""
    size = (geometry.extent[:, None] + geometry.extent[None]) / 2
    gap = geometry.gap / size
    if not geometry.metric:
        return gap
    metric_size = (geometry.size[:, None] + geometry.size[None]) / 2
    deep = ((geometry.depth[:, None] - geometry.depth[None]).abs() / metric_size - 2).clamp(min=0)
    return torch.hypot(gap, deep)


def inside(geometry: Geometry, settings: GroundingSettings) -> Tensor:
    """i lies in j's outline, or stands out of it at the top; it is the narrower one and as far away."""
    held = torch.sigmoid((geometry.within - settings.inside) / settings.inside_softness)
    widths = (geometry.boxes[:, 2] - geometry.boxes[:, 0]).log()
    narrower = torch.sigmoid((widths[None] - widths[:, None]) / settings.size)
    return torch.maximum(held, on(geometry, settings)) * narrower * together(geometry)


def together(geometry: Geometry) -> Tensor:
    """Whether two objects are about as far away as each other's size allows, N×N; 1 without depth."""
    if not geometry.metric:
        return torch.ones_like(geometry.gap)
    apart = (geometry.depth[:, None] - geometry.depth[None]).abs()
    reach = torch.maximum(geometry.size[:, None], geometry.size[None])
    return torch.sigmoid(4 * (1 - apart / reach))


def on(geometry: Geometry, settings: GroundingSettings) -> Tensor:
    """i touches j from above: its lowest row is in j's rows, nearer the top, over j's columns."""
    lefts, tops, rights, bottoms = geometry.boxes.unbind(dim=1)
    common = torch.minimum(rights[:, None], rights[None]) - torch.maximum(lefts[:, None], lefts[None])
    narrow = torch.minimum((rights - lefts)[:, None], (rights - lefts)[None])
    over = torch.sigmoid((common / narrow - settings.inside) / settings.inside_softness)
    middle = ((tops + bottoms) / 2)[None]
    rests = torch.sigmoid((middle - bottoms[:, None]) / (settings.side * geometry.width))
    return over * rests * touching(geometry, settings)


def under(geometry: Geometry, settings: GroundingSettings) -> Tensor:
    """j is on i, or i is simply lower in the picture."""
    return torch.maximum(on(geometry, settings), above(geometry, settings)).T.clone()


def between_tensor(geometry: Geometry, settings: GroundingSettings) -> Tensor:
    """R(i; j, k): i lies along the way from j to k and near it; N×N×N float64, 0 where two are the same."""
    centres = torch.stack([geometry.x, geometry.y], dim=-1)
    way = centres[None] - centres[:, None]
    length = way.norm(dim=-1).clamp(min=1e-9)
    offset = centres[:, None] - centres[None]
    along = torch.einsum("jkc,ijc->ijk", way, offset) / length**2
    across = (way[None, ..., 0] * offset[:, :, None, 1] - way[None, ..., 1] * offset[:, :, None, 0]).abs() / length**2
    ends, soft = settings.between_ends, settings.between_softness
    matrix = torch.sigmoid((along - ends) / soft) * torch.sigmoid((1 - ends - along) / soft)
    matrix = matrix * torch.sigmoid((settings.between_off - across) / soft)
    same = torch.eye(len(geometry), dtype=torch.bool)
    return matrix.masked_fill(same[:, :, None] | same[:, None] | same[None], 0)


BINARY: dict[str, Relation] = {
    "left": left,
    "right": lambda geometry, settings: left(geometry, settings).T.clone(),
    "above": above,
    "below": lambda geometry, settings: above(geometry, settings).T.clone(),
    "front": front,
    "behind": lambda geometry, settings: front(geometry, settings).T.clone(),
    "near": near,
    "far": lambda geometry, settings: 1 - near(geometry, settings),
    "touching": touching,
    "inside": inside,
    "containing": lambda geometry, settings: inside(geometry, settings).T.clone(),
    "around": lambda geometry, settings: inside(geometry, settings).T.clone(),
    "on": on,
    "under": under,
    "smaller": smaller,
    "bigger": lambda geometry, settings: smaller(geometry, settings).T.clone(),
    "shorter": shorter,
    "taller": lambda geometry, settings: shorter(geometry, settings).T.clone(),
}
