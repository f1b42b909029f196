"""Eq. 8: how much of the guidance map lies inside each mask rather than outside."""

from __future__ import annotations

import torch
from torch import Tensor


def guidance_scores(guidance: Tensor, masks: Tensor, inside_weight: float, outside_weight: float) -> Tensor:
    """S^g of N masks, N float32: inside_weight · mean of G inside − outside_weight · mean of G outside.

    guidance: H×W float32; masks: N×H×W bool, each neither empty nor full frame. outside_weight is the paper's λ.
    """
    pixels = guidance.numel()
    area = masks.flatten(1).sum(dim=1).float()
    inside = masks.flatten(1).float() @ guidance.flatten()
    outside = guidance.sum() - inside
    return inside_weight * inside / area.clamp(min=1) - outside_weight * outside / (pixels - area).clamp(min=1)


def divide_by_mean(guidance: Tensor) -> Tensor:
    """G scaled to mean 1; unchanged when a position prior left nothing of it."""
    mean = guidance.mean()
    return guidance / mean if bool(mean > torch.finfo(guidance.dtype).tiny) else guidance
