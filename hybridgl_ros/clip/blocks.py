"""One of open_clip's transformer blocks, computed from its own weights: only the rows that somebody reads."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.memory import pieces

# A CPU is fastest while what it works on stays in its cache.
CPU_PIECE = 12 * 2**20
QUICK = 1.702

Rows: TypeAlias = slice | Tensor
"""Which tokens of a sequence: a slice or int64 indices."""


class Block:
    """A pre-norm block on B×L×width tokens; the weights stay open_clip's.

    Raises ConfigError for attention of another kind than `nn.MultiheadAttention`.
    """

    def __init__(self, block: Any) -> None:
        if not isinstance(getattr(block, "attn", None), nn.MultiheadAttention):
            raise ConfigError(f"transformer blocks of the kind {type(block).__name__} cannot be used")
        self._block = block
        self._attention = block.attn
        # open_clip's class and our own: importing the former takes seconds.
        self._quick = type(block.mlp.gelu).__name__ == "QuickGELU"
        self._hidden = int(block.mlp.c_fc.out_features)
        self.heads = int(block.attn.num_heads)

    def __call__(self, tokens: Tensor, first_sees: Tensor | None = None) -> Tensor:
        """The block's output for every token. first_sees: B×L bool, what the first token may attend to."""
        count, length, width = tokens.shape
        out = torch.empty_like(tokens)
        for piece in self._pieces(tokens, count, 3 * length * width):
            query, key, value = self.projections(self.norm(tokens[piece]))
            attended = F.scaled_dot_product_attention(query, key, value)
            if first_sees is not None:
                mask = first_sees[piece, None, None]
                first = F.scaled_dot_product_attention(query[:, :, :1], key, value, attn_mask=mask)
                attended = torch.cat([first, attended[:, :, 1:]], dim=2)
            torch.add(tokens[piece], self.merge(attended), out=out[piece])
        return self._add_mlp(out)

    def rows(self, tokens: Tensor, rows: Rows, sees: Tensor | None = None) -> Tensor:
        """The block's output for some tokens only, B×R×width. sees: B×R×L bool, what they may attend to."""
        query, key, value = self._projections_of(self.norm(tokens), rows)
        mask = None if sees is None else sees[:, None]
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self._add_mlp(tokens[:, rows] + self.merge(attended))

    def _projections_of(self, normed: Tensor, rows: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """Queries of some normed tokens, B×heads×R×d, keys and values of all."""
        width = normed.shape[-1]
        weight, bias = self._attention.in_proj_weight, self._attention.in_proj_bias
        query = self._split(F.linear(normed[:, rows], weight[:width], bias[:width]), 1)[0]
        key, value = self._split(F.linear(normed, weight[width:], bias[width:]), 2)
        return query, key, value

    def norm(self, tokens: Tensor) -> Tensor:
        """Tokens as the attention sees them."""
        return self._block.ln_1(tokens)

    def projections(self, normed: Tensor) -> Tensor:
        """Queries, keys and values of normed tokens, 3×B×heads×L×d."""
        return self._split(F.linear(normed, self._attention.in_proj_weight, self._attention.in_proj_bias), 3)

    def merge(self, attended: Tensor) -> Tensor:
        """What B×heads×L×d attention outputs add to the tokens, B×L×width."""
        return self._block.ls_1(self._attention.out_proj(self._joined(attended)))

    def finish(self, tokens: Tensor, attended: Tensor) -> Tensor:
        """The block's output for tokens and their attention outputs."""
        return self._add_mlp(tokens + self.merge(attended))

    @staticmethod
    def _joined(attended: Tensor) -> Tensor:
        """B×heads×L×d as B×L×width."""
        return attended.transpose(1, 2).flatten(2)

    def _split(self, projected: Tensor, parts: int) -> Tensor:
        count, length, width = projected.shape
        return projected.view(count, length, parts, self.heads, width // (parts * self.heads)).permute(2, 0, 3, 1, 4)

    def _add_mlp(self, tokens: Tensor) -> Tensor:
        """Adds the MLP's output in place; a few rows at a time, so that the hidden ones are not written out."""
        flat = tokens.view(-1, tokens.shape[-1])
        for piece in self._pieces(tokens, len(flat), self._hidden):
            flat[piece] += self._fed(flat[piece])
        return tokens

    def _fed(self, rows: Tensor) -> Tensor:
        """What the MLP adds to tokens R×width."""
        return self._block.ls_2(self._mlp(self._block.ln_2(rows)))

    def _mlp(self, rows: Tensor) -> Tensor:
        widen, narrow = self._block.mlp.c_fc, self._block.mlp.c_proj
        if not self._quick:
            return narrow(self._block.mlp.gelu(widen(rows)))
        # QuickGELU(x) = x · σ(1.702 x) = SiLU(1.702 x) / 1.702; the products take the factors for nothing.
        hidden = torch.addmm(widen.bias, rows, widen.weight.T, beta=QUICK, alpha=QUICK)
        return torch.addmm(narrow.bias, F.silu(hidden, inplace=True), narrow.weight.T, alpha=1 / QUICK)

    @staticmethod
    def _pieces(tokens: Tensor, count: int, floats_each: int) -> Any:
        if tokens.device.type != "cpu":
            return (slice(None),)
        return pieces(count, floats_each * torch.float32.itemsize, CPU_PIECE)
