"""R of Eq. 4: which pairs of boxes satisfy a spatial relation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Relation = Callable[[Tensor, Tensor], Tensor]


def relation_matrix(relation: str, first: Tensor, second: Tensor) -> Tensor:
    """R(i, j) for n×4 and m×4 XYWH boxes, n×m float32.

    left, right, up, down compare box centres, big and small box areas, each 1 or 0;
    within is the share of box i's area that box j covers. Raises KeyError for any other relation.
    """
    return RELATIONS[relation](first[:, None].float(), second[None].float())


def centre_x(box: Tensor) -> Tensor:
    return box[..., 0] + box[..., 2] / 2


def centre_y(box: Tensor) -> Tensor:
    return box[..., 1] + box[..., 3] / 2


def area(box: Tensor) -> Tensor:
    return box[..., 2] * box[..., 3]


def within(first: Tensor, second: Tensor) -> Tensor:
    """Share of the first box's area inside the second; 0 for a box without area."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    own = area(first).expand_as(shared)
    return torch.where(own > 0, shared / own.clamp(min=1), torch.zeros_like(shared))


RELATIONS: dict[str, Relation] = {
    "left": lambda i, j: (centre_x(i) < centre_x(j)).float(),
    "right": lambda i, j: (centre_x(i) > centre_x(j)).float(),
    "up": lambda i, j: (centre_y(i) < centre_y(j)).float(),
    "down": lambda i, j: (centre_y(i) > centre_y(j)).float(),
    "big": lambda i, j: (area(i) > area(j)).float(),
    "small": lambda i, j: (area(i) < area(j)).float(),
    "within": within,
}
