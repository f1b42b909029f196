"""Plain CLIP models as containers of weights under open_clip's names; `clip/` computes with them.

Models of any other kind are built by open_clip, whose import costs more than a whole start with these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

PLAIN = ("embed_dim", "vision_cfg", "text_cfg", "quick_gelu")
PLAIN_VISION = ("image_size", "layers", "width", "head_width", "patch_size", "mlp_ratio")
PLAIN_TEXT = ("context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio")


def is_plain(config: Mapping[str, Any]) -> bool:
    """Whether a configuration of `open_clip.CLIP` says nothing but sizes of two ordinary transformers."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    known = set(config) <= set(PLAIN) and set(vision) <= set(PLAIN_VISION) and set(text) <= set(PLAIN_TEXT)
    return known and isinstance(vision.get("layers", 12), int)


class QuickGELU(nn.Module):
    """x · σ(1.702 x), the activation of OpenAI's weights."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    """The weights of one pre-norm block."""

    def __init__(self, width: int, heads: int, mlp_ratio: float, activation: type[nn.Module]) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, int(width * mlp_ratio)))
        self.mlp.add_module("gelu", activation())
        self.mlp.add_module("c_proj", nn.Linear(int(width * mlp_ratio), width))
        self.ls_1, self.ls_2 = nn.Identity(), nn.Identity()


class Transformer(nn.Module):
    """The weights of a stack of blocks."""

    def __init__(self, layers: int, *sizes: Any) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(*sizes) for _ in range(layers))


class VisionWeights(nn.Module):
    """The weights of a vision transformer with a class token."""

    def __init__(
        self,
        embed_dim: int,
        activation: type[nn.Module],
        image_size: int | tuple[int, int] = 224,
        layers: int = 12,
        width: int = 768,
        head_width: int = 64,
        patch_size: int | tuple[int, int] = 16,
        mlp_ratio: float = 4.0,
    ) -> None:
        super().__init__()
        self.image_size, self.patch_size = pair(image_size), pair(patch_size)
        self.grid_size = (self.image_size[0] // self.patch_size[0], self.image_size[1] // self.patch_size[1])
        self.conv1 = nn.Conv2d(3, width, self.patch_size, self.patch_size, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(self.grid_size[0] * self.grid_size[1] + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Transformer(layers, width, width // head_width, mlp_ratio, activation)
        self.proj = nn.Parameter(torch.empty(width, embed_dim))


class ClipWeights(nn.Module):
    """The weights of a CLIP; arguments, and the names of what it holds, as `open_clip.CLIP`.

    Nothing is initialised: weights are to be loaded. Raises TypeError and AssertionError for sizes that do not fit.
    """

    # The text tower looks backwards, and its feature is that of the highest token, the end of text.
    attn_mask = True
    text_pool_type = "argmax"

    def __init__(
        self, embed_dim: int, vision_cfg: Mapping[str, Any], text_cfg: Mapping[str, Any], quick_gelu: bool = False
    ) -> None:
        super().__init__()
        activation: type[nn.Module] = QuickGELU if quick_gelu else nn.GELU
        self.visual = VisionWeights(embed_dim, activation, **vision_cfg)
        self._text(embed_dim, activation, **text_cfg)
        self.logit_scale = nn.Parameter(torch.empty(()))

    def _text(
        self,
        embed_dim: int,
        activation: type[nn.Module],
        context_length: int = 77,
        vocab_size: int = 49408,
        width: int = 512,
        heads: int = 8,
        layers: int = 12,
        mlp_ratio: float = 4.0,
    ) -> None:
        self.context_length, self.vocab_size = context_length, vocab_size
        self.token_embedding = nn.Embedding(vocab_size, width)
        self.positional_embedding = nn.Parameter(torch.empty(context_length, width))
        self.transformer = Transformer(layers, width, heads, mlp_ratio, activation)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, embed_dim))


def pair(size: int | tuple[int, int]) -> tuple[int, int]:
    """(rows, columns) of a size."""
    rows, columns = (size, size) if isinstance(size, int) else size
    return rows, columns
