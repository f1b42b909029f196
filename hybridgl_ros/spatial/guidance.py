"""Eq. 8: how much of the guidance map lies inside each mask rather than outside."""

from __future__ import annotations

import torch
from torch import Tensor

from hybridgl_ros.memory import pieces


def guidance_scores(guidance: Tensor, masks: Tensor, inside_weight: float, outside_weight: float) -> Tensor:
    """S^g of N masks, N float32: inside_weight · mean of G inside − outside_weight · mean of G outside.

    guidance: H×W float32; masks: N×H×W bool, each neither empty nor full frame. outside_weight is the paper's λ.
    """
    wide = guidance.flatten().double()
    flat = masks.flatten(1)
    area, inside = flat.sum(dim=1), torch.zeros(len(flat), dtype=torch.float64, device=flat.device)
    # A mask may leave out a few of millions of pixels: float32 would have nothing left of the difference.
    for piece in pieces(len(flat), wide.numel() * torch.float64.itemsize):
        inside[piece] = flat[piece].double() @ wide
    return contrast(inside, wide.sum(), area, wide.numel(), inside_weight, outside_weight).to(guidance.dtype)


def contrast(
    inside: Tensor, total: Tensor, area: Tensor, pixels: int, inside_weight: float, outside_weight: float
) -> Tensor:
    """Eq. 8 from sums of G: N float64. inside: N, over the masks; total: over the picture; area: N pixels."""
    outside = (total - inside) / (pixels - area).clamp(min=1)
    return inside_weight * inside / area.clamp(min=1) - outside_weight * outside


def unit_mean(total: Tensor, pixels: int) -> float:
    """The factor that gives G mean 1; 1 when a position prior left nothing of it."""
    mean = float(total) / pixels
    return 1 / mean if mean > torch.finfo(torch.float32).tiny else 1.0
