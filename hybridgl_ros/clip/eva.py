"""EVA-CLIP's image tower (Sun et al., *EVA-CLIP: Improved Training Techniques for CLIP at Scale*, 2023), from timm.

What differs from CLIP's own: EVA02 turns queries and keys by their places in the picture (rotary positions, Su et al.,
RoFormer), has norms inside attention and MLP, and a gated MLP; keys have no bias. The weights stay timm's.
"""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridgl_ros.clip.blocks import Block, Rows
from hybridgl_ros.errors import ConfigError


def is_eva(visual: Any) -> bool:
    """Whether an image tower of open_clip is timm's EVA."""
    return type(getattr(visual, "trunk", None)).__name__ == "Eva"


class EvaTower:
    """An EVA under the names that `ClipEncoder` reads of open_clip's vision transformer.

    Raises ConfigError where the feature is not a class token's, and for blocks of other kinds, such as EVA02-E's, which
    norm what they add and not what they read.
    """

    proj = None

    def __init__(self, visual: Any) -> None:
        trunk = visual.trunk
        if trunk.global_pool != "token" or trunk.num_prefix_tokens != 1 or trunk.pos_embed is None:
            raise ConfigError("an EVA whose feature is not that of one class token with a position cannot be used")
        kinds = {kind_of(block) for block in trunk.blocks}
        if kinds != {"EvaBlock with EvaAttention"} or getattr(trunk, "rope_mixed", False):
            raise ConfigError(f"an EVA with blocks of the kind {', '.join(sorted(kinds))} cannot be used")
        self.image_size, self.grid_size = visual.image_size, trunk.patch_embed.grid_size
        self.conv1 = trunk.patch_embed.proj
        self.class_embedding, self.positional_embedding = trunk.cls_token[0, 0], trunk.pos_embed[0]
        self.ln_pre, self.ln_post = (
            getattr(trunk, "norm_pre", nn.Identity()),
            nn.Sequential(trunk.norm, trunk.fc_norm, trunk.head, visual.head),
        )
        self.rotations = Rotations(trunk.rope, self.grid_size)
        self.transformer = SimpleNamespace(resblocks=trunk.blocks)


def kind_of(block: Any) -> str:
    """What is said of blocks that are not known, and of all that matters in those that are."""
    # Later kinds of EVA; older versions of timm know nothing of them.
    extras = [name for name in ("rotate_half", "gate") if getattr(block.attn, name, None)]
    return " and ".join([f"{type(block).__name__} with {type(block.attn).__name__}", *extras])


class Rotations:
    """By how much tokens are turned; the class token is not. rope: timm's, None for an EVA without."""

    def __init__(self, rope: Any, grid: tuple[int, int]) -> None:
        self._rope, self._grid = rope, grid
        self._known: dict[int, Tensor] = {}

    def of(self, length: int) -> Tensor | None:
        """Sines and cosines L×2d for a class token and the patches of the own grid, or of a square one."""
        if self._rope is None:
            return None
        if length not in self._known:
            turns = self._turns(length - 1)
            sines, cosines = turns.chunk(2, dim=-1)
            still = torch.cat([torch.zeros_like(sines[:1]), torch.ones_like(cosines[:1])], dim=-1)
            self._known[length] = torch.cat([still, turns])
        return self._known[length]

    def _turns(self, patches: int) -> Tensor:
        """Those of the patches, K×2d."""
        if patches == self._grid[0] * self._grid[1]:
            return self._rope.get_embed()
        rope, side = copy.deepcopy(self._rope), math.isqrt(patches)
        rope.update_feat_shape([side, side])
        return rope.get_embed()


class EvaBlock(Block):
    """One of timm's blocks on B×L×width tokens, the first of them the class token."""

    def __init__(self, block: Any, rotations: Rotations) -> None:
        self._block, self._attention, self._rotations = block, block.attn, rotations
        self._hidden = block.mlp.fc2.in_features
        self.heads = int(block.attn.num_heads)

    def norm(self, tokens: Tensor) -> Tensor:
        return self._block.norm1(tokens)

    def projections(self, normed: Tensor) -> Tensor:
        return torch.stack(self._projections_of(normed, slice(None)))

    def _projections_of(self, normed: Tensor, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        own = self._attention
        if own.qkv is None:
            parts = own.q_proj(normed[:, rows]), own.k_proj(normed), own.v_proj(normed)
        else:
            of_query, of_key, of_value = own.qkv.weight.chunk(3)
            parts = (
                F.linear(normed[:, rows], of_query, own.q_bias),
                F.linear(normed, of_key),
                F.linear(normed, of_value, own.v_bias),
            )
        query, key, value = (self._split(part, 1)[0] for part in parts)
        turns = self._rotations.of(normed.shape[1])
        query, key = own.q_norm(query), own.k_norm(key)
        if turns is None:
            return query, key, value
        return turned(query, turns[rows]), turned(key, turns), value

    def merge(self, attended: Tensor) -> Tensor:
        return scaled(self._attention.proj(self._attention.norm(self._joined(attended))), self._block.gamma_1)

    def _fed(self, rows: Tensor) -> Tensor:
        return scaled(self._block.mlp(self._block.norm2(rows)), self._block.gamma_2)


def turned(vectors: Tensor, turns: Tensor) -> Tensor:
    """…×L×d, every pair of neighbouring channels turned by L×2d sines and cosines."""
    sines, cosines = turns.chunk(2, dim=-1)
    pairs = torch.stack([-vectors[..., 1::2], vectors[..., ::2]], dim=-1).flatten(-2)
    return (vectors * cosines + pairs * sines).to(vectors.dtype)


def scaled(values: Tensor, scale: Tensor | None) -> Tensor:
    return values if scale is None else values * scale
