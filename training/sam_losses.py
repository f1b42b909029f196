"""Losses of the small SAM: mask, predicted IoU, and the heads that help the encoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

_FOCAL_WEIGHT = 10.0
_IOU_WEIGHT = 2.0
_OFFSET_WEIGHT = 0.5
_OTHER_MASKS_WEIGHT = 0.1
_OFFSET_UNIT = 64.0


@dataclass(frozen=True)
class MaskLosses:
    """Scalars of one step: ``total`` is differentiated, ``best_iou`` (of prompted objects) is for the log."""

    total: torch.Tensor
    mask: torch.Tensor
    quality: torch.Tensor
    best_iou: torch.Tensor


def mask_losses(
    logits: torch.Tensor,
    quality: torch.Tensor,
    masks: torch.Tensor,
    targets: torch.Tensor,
    bce_weight: float,
    sharp_weight: float = 0.0,
) -> MaskLosses:
    """10·focal + dice + balanced BCE of the best of three masks, plus twice the squared IoU error.

    ``sharp_weight`` adds plain cross-entropy, which steepens the edges: the generator drops masks with soft ones.
    ``logits`` B×P×3×h×w, ``quality`` B×P×3, ``masks`` B×K×h×w coverage, ``targets`` B×P (−1: no object). The
    IoU to predict is the best over all objects, and 0 for points without one. A tenth of the mean loss of the
    three masks is added, so that none of them dies.
    """
    logits, masks = logits.float().flatten(3), masks.flatten(2)
    asked = targets >= 0
    chosen = logits[asked]
    truth = masks[torch.arange(len(masks))[:, None].expand_as(targets)[asked], targets[asked]][:, None]
    each = _FOCAL_WEIGHT * _focal(chosen, truth) + _dice(chosen, truth)
    each = each + bce_weight * _balanced_bce(chosen, truth)
    if sharp_weight:
        entropy = functional.binary_cross_entropy_with_logits(chosen, truth.expand_as(chosen), reduction="none")
        each = each + sharp_weight * entropy.mean(dim=-1)
    mask = logits.new_zeros(())
    if len(each):
        mask = (each.min(dim=1).values + _OTHER_MASKS_WEIGHT * each.mean(dim=1)).mean()
    iou = _best_iou(logits.detach(), masks) * asked[..., None]
    error = functional.mse_loss(quality.float(), iou)
    best = iou[asked].max(dim=-1).values.mean() if asked.any() else mask.detach()
    return MaskLosses(mask + _IOU_WEIGHT * error, mask.detach(), error.detach(), best)


def auxiliary_loss(foreground: torch.Tensor, offset: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Loss of AuxiliaryHeads: cross-entropy of object coverage and L1 of the offset to the object's centre.

    ``foreground`` B×1×t×t, ``offset`` B×2×t×t, ``masks`` B×K×4t×4t.
    """
    stride = masks.shape[-1] // foreground.shape[-1]
    coverage = functional.avg_pool2d(masks, stride)
    covered = coverage.sum(dim=1, keepdim=True).clamp(max=1)
    loss = functional.binary_cross_entropy_with_logits(foreground.float(), covered)
    grid = torch.arange(masks.shape[-1] // stride, dtype=masks.dtype, device=masks.device)
    axes = torch.stack([grid.expand(len(grid), -1), grid[:, None].expand(-1, len(grid))])
    area = coverage.sum(dim=(2, 3)).clamp(min=1e-3)
    centres = torch.einsum("bkhw,ahw->bka", coverage, axes) / area[..., None]
    owner = coverage.argmax(dim=1)
    centre = torch.stack([centres[..., axis].gather(1, owner.flatten(1)) for axis in (0, 1)], dim=1)
    pixels_per_cell = 2 * stride
    wanted = (centre.view_as(offset) - axes) * pixels_per_cell / _OFFSET_UNIT
    on_object = (coverage.amax(dim=1, keepdim=True) > 0.5).float()
    distance = ((offset.float() - wanted).abs() * on_object).sum() / on_object.sum().clamp(min=1)
    return loss + _OFFSET_WEIGHT * distance


def _focal(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    truth = truth.expand_as(logits)
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    probability = logits.sigmoid()
    miss = probability + truth - 2 * probability * truth
    return (entropy * miss.square() * (0.25 * truth + 0.75 * (1 - truth))).mean(dim=-1)


def _dice(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    probability = logits.sigmoid()
    overlap = (probability * truth).sum(dim=-1)
    return 1 - (2 * overlap + 1) / (probability.sum(dim=-1) + truth.sum(dim=-1) + 1)


def _balanced_bce(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in which the object and everything else weigh the same."""
    positive = (functional.softplus(-logits) * truth).sum(dim=-1) / truth.sum(dim=-1).clamp(min=1)
    negative = (functional.softplus(logits) * (1 - truth)).sum(dim=-1) / (1 - truth).sum(dim=-1).clamp(min=1)
    return (positive + negative) / 2


def _best_iou(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """IoU of each mask with the object it fits best; B×P×3 from B×P×3×n logits and B×K×n coverage."""
    predicted = (logits > 0).to(masks.dtype).flatten(1, 2)
    truth = (masks > 0.5).to(masks.dtype)
    overlap = predicted @ truth.transpose(1, 2)
    union = predicted.sum(dim=-1)[..., None] + truth.sum(dim=-1)[:, None] - overlap
    return (overlap / union.clamp(min=1)).amax(dim=-1).unflatten(1, logits.shape[1:3])
