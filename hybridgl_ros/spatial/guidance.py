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
    total, pixels = wide.sum(), wide.numel()
    flat = masks.flatten(1)
    area, inside = flat.sum(dim=1), torch.zeros(len(flat), dtype=torch.float64, device=flat.device)
    # A mask may leave out a few of millions of pixels: float32 would have nothing left of the difference.
    for piece in pieces(len(flat), pixels * torch.float64.itemsize):
        inside[piece] = flat[piece].double() @ wide
    outside = total - inside
    scores = inside_weight * inside / area.clamp(min=1) - outside_weight * outside / (pixels - area).clamp(min=1)
    return scores.to(guidance.dtype)


def divide_by_mean(guidance: Tensor) -> Tensor:
    """G scaled to mean 1; unchanged when a position prior left nothing of it."""
    mean = guidance.mean()
    return guidance / mean if bool(mean > torch.finfo(guidance.dtype).tiny) else guidance
