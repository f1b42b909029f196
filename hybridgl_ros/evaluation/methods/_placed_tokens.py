"""Features of regions from CLIP's own tokens at any input size: a picture's, or one for each mask of a picture."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder

NUDGE = 0.1
"""Added to the size of the grid that the positional embedding is resampled to, against rounding; as DINO's code."""


def region_tokens(clip: ClipEncoder, pixels: Tensor, masks: Tensor | None = None) -> Tensor:
    """Unit features of one picture, 1×d, or of each of its masks, N×d float32.

    pixels: normalised 3×H×W; what is left over of whole patches is not looked at. masks: N×H×W bool. Each has a class
    token that attends to itself and to the patches whose upper left pixel its mask covers; patches see no class token.
    Raises ConfigError for an EVA, whose positions are turned for one class token.
    """
    clip.require_own_blocks("Ref-Diff")
    visual = clip.visual
    with torch.no_grad(), clip.autocast():
        patches = visual.conv1(pixels[None]).float()
        grid = (patches.shape[-2], patches.shape[-1])
        positions = resampled_positions(visual.positional_embedding, clip.grid, grid)
        # Squares of the own size keep the positions as they are.
        first = visual.class_embedding.float() + positions[0]
        count = 1 if masks is None else len(masks)
        body = patches.flatten(2).transpose(1, 2) + positions[1:]
        tokens = visual.ln_pre(torch.cat([first.expand(1, count, -1), body], dim=1))
        sees = None if masks is None else visible(masks, grid)
        for block in clip.blocks:
            tokens = block(tokens) if sees is None else block.rows(tokens, slice(None), sees)
        return F.normalize(clip.project(tokens[:, :count]).float(), dim=-1)[0]


def resampled_positions(embedding: Tensor, own: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """(1+K)×width positional embedding for another grid, bicubic without antialiasing; unchanged for its own."""
    if grid == own:
        return embedding
    side = math.sqrt(len(embedding) - 1)
    factors = [(count + NUDGE) / side for count in grid]
    square = embedding[1:].T.reshape(1, -1, *own)
    resampled = F.interpolate(square, scale_factor=factors, mode="bicubic")
    return torch.cat([embedding[:1], resampled.flatten(2)[0].T])


def visible(masks: Tensor, grid: tuple[int, int]) -> Tensor:
    """Which of N class tokens and K patches attends to which, 1×(N+K)×(N+K) bool. masks: N×H×W."""
    inside = F.interpolate(masks[:, None].float(), grid, mode="nearest").flatten(1).bool()
    count, patches = inside.shape
    sees = torch.ones(count + patches, count + patches, dtype=torch.bool, device=masks.device)
    sees[:count, :count] = torch.eye(count, dtype=torch.bool)
    sees[:count, count:] = inside
    sees[count:, :count] = False
    return sees[None]
