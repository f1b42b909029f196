"""The small CLIP during training: its start, its throw-away heads, and forward passes over ``open_clip``'s modules.

The passes repeat what ``open_clip`` computes (see ``test/models/test_embedded_clip.py``) and add what training needs:
a subset of the image tokens, features of intermediate blocks, the G2L fusion and the localisation map path.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional as F

CONFIG = Path(__file__).parents[1] / "hybridgl_ros" / "models" / "embedded_clip.json"
MEAN = torch.tensor(open_clip.OPENAI_DATASET_MEAN)
STD = torch.tensor(open_clip.OPENAI_DATASET_STD)
FUSION_START = 9
FUSION_BETA = 2.0
MAP_BLOCKS = 6
EARLY_DEPTH = 6
SUPERVISED_BLOCKS = (3, 6, 9)


def build_model() -> open_clip.CLIP:
    """The embedded architecture with ``open_clip``'s own random start."""
    return open_clip.CLIP(**json.loads(CONFIG.read_text()))


def normalise_patches(pixels: Tensor) -> Tensor:
    """uint8 patches (..., 3·p·p), channel first, as CLIP-normalised float32."""
    per_channel = pixels.shape[-1] // 3
    mean, std = MEAN.repeat_interleave(per_channel), STD.repeat_interleave(per_channel)
    return pixels.float().mul_(1 / 255).sub_(mean).div_(std)


@torch.no_grad()
def start_from_data(model: open_clip.CLIP, patches: Tensor) -> None:
    """Replace the random start by one that learns faster on little data.

    Patch embedding: the principal components of ``patches`` (n, 3·p·p), partly whitened. Positions: 2-D sine-cosine.
    Attention: near-identity query-key products and slightly negative value-output products
    ("Mimetic initialization of self-attention layers", Trockman and Kolter 2023). Blocks from ``EARLY_DEPTH`` on start
    close to the identity, because they join only when the others have learnt.
    """
    visual = model.visual
    width = visual.conv1.weight.shape[0]
    covariance = patches.T @ patches / len(patches)
    variance, axes = torch.linalg.eigh(covariance)
    variance, axes = variance.flip(0)[:width], axes.flip(1)[:, :width]
    scale = (variance + 1e-3 * variance[0]).pow(-0.4)
    projected = (variance.sqrt() * scale).square().mean().sqrt()
    visual.conv1.weight.copy_((axes * (scale / projected)).T.reshape(visual.conv1.weight.shape))
    visual.positional_embedding.zero_()
    visual.positional_embedding[1:] = sine_cosine(visual.grid_size[0], visual.grid_size[1], width)
    for block in visual.transformer.resblocks:
        _mimetic_attention(block.attn)
    for block in visual.transformer.resblocks[EARLY_DEPTH:]:
        block.attn.out_proj.weight.mul_(0.1)
        block.mlp.c_proj.weight.mul_(0.1)


def sine_cosine(rows: int, columns: int, width: int) -> Tensor:
    """Fixed 2-D positions (rows·columns, width): a quarter each of sin/cos of row and column."""
    frequency = 1.0 / 100 ** (torch.arange(width // 4) / (width // 4))
    parts = []
    for axis in torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"):
        angle = axis.flatten()[:, None] * frequency
        parts += [angle.sin(), angle.cos()]
    return torch.cat(parts, dim=1)


def _mimetic_attention(attention: nn.MultiheadAttention) -> None:
    width, heads = attention.embed_dim, attention.num_heads
    head_width = width // heads
    identity = torch.eye(width)
    query, key, value = attention.in_proj_weight.chunk(3)
    for head in range(heads):
        rows = slice(head * head_width, (head + 1) * head_width)
        left, singular, right = torch.linalg.svd(0.7 * torch.randn(width, width) / math.sqrt(width) + 0.7 * identity)
        root = singular[:head_width].sqrt()[:, None]
        query[rows], key[rows] = left.T[:head_width] * root, right[:head_width] * root
    left, singular, right = torch.linalg.svd(0.4 * torch.randn(width, width) / math.sqrt(width) - 0.4 * identity)
    root = singular.sqrt()
    value.copy_(root[:, None] * right)
    attention.out_proj.weight.copy_(left * root)


class Heads(nn.Module):
    """Throw-away linear heads after blocks 3, 6 and 9.

    ``cls``: attributes and outline of the object from the CLS token; ``dense``: attributes and object or not from
    patch tokens.
    """

    def __init__(self, width: int, attributes: int, outline: int) -> None:
        super().__init__()
        self.cls, self.dense = nn.ModuleList(), nn.ModuleList()
        for _ in SUPERVISED_BLOCKS:
            self.cls.append(nn.Sequential(nn.LayerNorm(width), nn.Linear(width, attributes + outline)))
            self.dense.append(nn.Sequential(nn.LayerNorm(width), nn.Linear(width, attributes + 1)))


@dataclass(frozen=True)
class Pass:
    """One pass: CLS feature (B, d), tokens after ``SUPERVISED_BLOCKS`` (B, 1+K, width), and all block inputs wanted."""

    feature: Tensor
    supervised: list[Tensor]
    tokens: Tensor


class VisionPasses:
    """Differentiable passes over the vision tower of ``model``."""

    def __init__(self, model: open_clip.CLIP) -> None:
        self.visual = model.visual
        self.blocks: Sequence[nn.Module] = list(model.visual.transformer.resblocks)
        self.depth = len(self.blocks)

    def embed(self, patches: Tensor, keep: Tensor | None = None) -> Tensor:
        """Tokens entering block 0: uint8 patches (B, K, 3·p·p) at grid places ``keep`` (B, K) → (B, 1+K, width)."""
        visual = self.visual
        tokens = F.linear(normalise_patches(patches), visual.conv1.weight.flatten(1))
        positions = visual.positional_embedding
        tokens = tokens + (positions[1:] if keep is None else positions[1:][keep])
        first = (visual.class_embedding + positions[0]).expand(len(tokens), 1, -1)
        return visual.ln_pre(torch.cat([first, tokens], dim=1))

    def finish(self, tokens: Tensor) -> Tensor:
        """``ln_post`` and projection of any tokens (..., width) → (..., d)."""
        return self.visual.ln_post(tokens) @ self.visual.proj

    def plain(self, patches: Tensor, keep: Tensor | None = None) -> Pass:
        """The usual path through the first ``depth`` blocks: all of them, except early in training."""
        tokens, supervised = self.embed(patches, keep), []
        for number, block in enumerate(self.blocks[: self.depth], start=1):
            tokens = run_block(block, tokens)
            if number in SUPERVISED_BLOCKS:
                supervised.append(tokens)
        return Pass(self.finish(tokens[:, 0]), supervised, tokens)

    def fused(
        self, local: Tensor, blurred: Tensor, inside: Tensor, keep: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Features (B, d) of the G2L fusion (§3.2), of the local view alone, and of the global view alone.

        Args:
            local, blurred: uint8 patches (B, K, 3·p·p) of the two views.
            inside: (B, K) bool, B of Eq. 1.
            keep: grid places (B, K) of the patches, all of them when None.
        """
        both = torch.cat([self.embed(local, keep), self.embed(blurred, keep)])
        for block in self.blocks[:FUSION_START]:
            both = run_block(block, both)
        alone, context = both.chunk(2)
        hybrid, mask = alone, cls_mask(inside)
        added = F.pad(inside.to(alone.dtype), (1, 0))[..., None] * FUSION_BETA
        for block in self.blocks[FUSION_START:]:
            hybrid, alone = run_block(block, torch.cat([hybrid + added * context, alone])).chunk(2)
            context = run_block(block, context, mask)
        return self.finish(hybrid[:, 0]), self.finish(alone[:, 0]), self.finish(context[:, 0])

    def map_tokens(self, patches: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Projected tokens (B, K, d) of the localisation map path (§3.3), and the supervised tokens beside it."""
        tokens, supervised = self.embed(patches), []
        path: Tensor | None = None
        for number, block in enumerate(self.blocks, start=1):
            if number > len(self.blocks) - MAP_BLOCKS:
                path = tokens if path is None else path
                path = path + self_self_attention(block, tokens)
            tokens = run_block(block, tokens)
            if number in SUPERVISED_BLOCKS:
                supervised.append(tokens)
        assert path is not None
        return self.finish(path[:, 1:]), supervised


def cls_mask(inside: Tensor) -> Tensor:
    """Attention mask (B, 1, 1+K, 1+K) bool, True = may attend: only the CLS row is limited to ``inside`` and itself."""
    batch, count = inside.shape
    mask = torch.ones(batch, 1, count + 1, count + 1, dtype=torch.bool)
    mask[:, 0, 0, 1:] = inside
    return mask


def run_block(block: nn.Module, tokens: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
    """One residual attention block on (B, T, width); ``silu(1.702x)/1.702`` is QuickGELU in one kernel."""
    query, key, value = _query_key_value(block, tokens)
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
    tokens = tokens + block.attn.out_proj(mixed.transpose(1, 2).flatten(2))
    hidden = F.silu(block.mlp.c_fc(block.ln_2(tokens)) * 1.702)
    return tokens + F.linear(hidden, block.mlp.c_proj.weight * (1 / 1.702), block.mlp.c_proj.bias)


def self_self_attention(block: nn.Module, tokens: Tensor) -> Tensor:
    """Attention output of the localisation map path: the mean over q, k, v of self-self attention applied to v."""
    query, key, value = _query_key_value(block, tokens)
    norm = block.ln_1(tokens).norm(dim=-1).mean(dim=-1)
    temperature = (norm * query.shape[-1] ** -0.5)[:, None, None, None]
    outputs = []
    for part in (query, key, value):
        part = F.normalize(part, dim=-1)
        part = F.normalize(F.scaled_dot_product_attention(part * temperature, part, part, scale=1.0), dim=-1)
        outputs.append(F.scaled_dot_product_attention(part * temperature, part, value, scale=1.0))
    mixed = torch.stack(outputs).mean(dim=0)
    return block.attn.out_proj(mixed.transpose(1, 2).flatten(2))


def _query_key_value(block: nn.Module, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    attention = block.attn
    joint = F.linear(block.ln_1(tokens), attention.in_proj_weight, attention.in_proj_bias)
    query, key, value = joint.unflatten(-1, (3, attention.num_heads, -1)).permute(2, 0, 3, 1, 4)
    return query, key, value


class TextTower(nn.Module):
    """The text tower over compact token ids; ``rows`` (n, width) replaces the embedding table, row 0 stays zero."""

    def __init__(self, model: open_clip.CLIP, count: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.randn(count, model.token_embedding.weight.shape[1]) * 0.02)
        self._model = [model]

    def forward(self, ids: Tensor, ends: Tensor) -> Tensor:
        """Text features (T, d) of ids (T, L) whose end tokens are at ``ends`` (T,)."""
        model = self._model[0]
        known = (ids > 0).to(self.rows.dtype)[..., None]
        tokens = self.rows[ids] * known + model.positional_embedding[: ids.shape[1]]
        for block in model.transformer.resblocks:
            tokens = run_block(block, tokens, causal=True)
        tokens = model.ln_final(tokens)
        return tokens[torch.arange(len(ids)), ends] @ model.text_projection
