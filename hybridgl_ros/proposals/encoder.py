"""SAM's image encoder in pieces that stay in the processor's cache.

Runs segment_anything's own `ImageEncoderViT` over its own parameters (Li et al., *Exploring Plain Vision Transformer
Backbones for Object Detection*, ECCV 2022), with the same operations on every number in the same order, so that the
embedding is that of its `forward`. What differs is what is held at once: a few windows, or a few rows of queries
against all keys, instead of a heads × tokens × tokens tensor; and positions that only pad the last windows ask nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hybridgl_ros.memory import pieces

if TYPE_CHECKING:
    from segment_anything.modeling import ImageEncoderViT
    from segment_anything.modeling.image_encoder import Attention, Block

# Bytes of attention weights at once: a core's cache, or enough to fill a GPU.
CACHED, FILLED = 8 * 2**20, 256 * 2**20


def embed_image(encoder: Any, pixels: Tensor) -> tuple[Tensor, ...]:
    """1×C×h×w embedding of 1×3×S×S normalised and padded pixels, S being the encoder's own size; autocast applies.

    Encoders of other kinds than SAM's say themselves what their `features` are: SAM 2 has finer ones behind it.
    """
    return (embed_by_vit(encoder, pixels),) if hasattr(encoder, "blocks") else encoder.features(pixels)


def embed_by_vit(encoder: ImageEncoderViT, pixels: Tensor) -> Tensor:
    """The embedding of SAM's own encoder."""
    x = encoder.patch_embed(pixels)[0].float().contiguous()
    if encoder.pos_embed is not None:
        x += encoder.pos_embed[0]
    in_windows = attend_in_windows if x.device.type == "cpu" else attend_in_whole_windows
    for block in encoder.blocks:
        if block.window_size > 0:
            in_windows(block, x)
        else:
            attend_everywhere(block, x)
        tokens, widen = x.flatten(0, 1), block.mlp.lin1
        for piece in pieces(len(tokens), widen.out_features * widen.weight.element_size(), budget(x)):
            tokens[piece] += block.mlp(block.norm2(tokens[piece]))
    return encoder.neck(x.permute(2, 0, 1)[None])


def budget(x: Tensor) -> int:
    return CACHED if x.device.type == "cpu" else FILLED


def windows(x: Tensor, size: int) -> Iterator[Tensor]:
    """The windows of H×W×C tokens, as rows×columns×h×w×C views of alike ones; h and w are `size` or less."""
    for band in whole_and_rest(x, size, 0):
        for part in whole_and_rest(band, size, 1):
            height, width = min(size, part.shape[0]), min(size, part.shape[1])
            yield part.unflatten(0, (-1, height)).unflatten(2, (-1, width)).transpose(1, 2)


def whole_and_rest(x: Tensor, size: int, dimension: int) -> Iterator[Tensor]:
    """What of a dimension is a multiple of `size`, and the rest, where there are any."""
    length = x.shape[dimension]
    parts = x.tensor_split([length // size * size], dimension)
    return (part for part in parts if part.shape[dimension])


def attend_in_windows(block: Block, x: Tensor) -> None:
    """Add what attention finds in each window of H×W×C tokens."""
    size = block.window_size
    for window, tokens in zip(windows(x, size), windows(block.norm1(x), size)):
        window += attended_windows(block, tokens)


def attend_in_whole_windows(block: Block, x: Tensor) -> None:
    """The same with windows of one kind: a GPU waits longer for four kinds than it computes for padding."""
    size, (height, width) = block.window_size, x.shape[:2]
    (tokens,) = windows(F.pad(block.norm1(x), (0, 0, 0, -width % size, 0, -height % size)), size)
    found = attended_windows(block, tokens).transpose(1, 2).flatten(2, 3).flatten(0, 1)
    x += found[:height, :width]


def attended_windows(block: Block, tokens: Tensor) -> Tensor:
    """What attention adds to rows×columns×h×w×C normed tokens of windows."""
    attention, size = block.attn, block.window_size
    q, k, v = heads_of(attention, tokens.flatten(0, 1))
    if q.shape[2:4] != (size, size):
        k, v = (padded(attention, part, size, place) for place, part in ((1, k), (2, v)))
    found = torch.empty_like(q.permute(0, 2, 3, 1, 4), memory_format=torch.contiguous_format)
    for some in pieces(len(q), q[0, ..., 0].numel() * size**2 * q.element_size(), budget(q)):
        asking, asked, biases = with_positions(attention, q[some].flatten(0, 1), k[some].flatten(0, 1))
        answer = weighted(asking, asked, v[some].flatten(0, 1).flatten(1, 2), biases)
        found[some] = answer.view(q[some].shape).permute(0, 2, 3, 1, 4)
    return attention.proj(found.flatten(3)).view(tokens.shape)


def heads_of(attention: Attention, tokens: Tensor) -> Tensor:
    """Queries, keys and values of N×h×w×C tokens, 3×N×heads×h×w×d."""
    return attention.qkv(tokens).unflatten(-1, (3, attention.num_heads, -1)).permute(3, 0, 4, 1, 2, 5)


def padded(attention: Attention, part: Tensor, size: int, place: int) -> Tensor:
    """N×heads×h×w×d keys (place 1) or values (2) brought to the window's size; a zero token's are its biases."""
    count, heads, height, width, depth = part.shape
    whole = part.new_zeros(count, heads, size, size, depth)
    if attention.qkv.bias is not None:
        whole += attention.qkv.bias.view(3, heads, 1, 1, depth)[place]
    whole[:, :, :height, :width] = part
    return whole


def with_positions(attention: Attention, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Scaled queries B×h×w×e of B×h×w×d, keys B×H×W×e of B×H×W×d, and what their products lack, for `weighted`.

    Positions add to a product what the query says of the key's row and column. Half types multiply faster than they
    add: there it stands behind the query's own numbers, and behind a key's are ones at its row and column.
    """
    scaled = q * attention.scale
    if not attention.use_rel_pos:
        return scaled, k, ()
    (height, width), (rows, columns) = q.shape[1:3], k.shape[1:3]
    down = distances(attention.rel_pos_h, rows)[:height].to(q.dtype)
    across = distances(attention.rel_pos_w, columns)[:width].to(q.dtype)
    by_row, by_column = torch.einsum("bhwc,hkc->bhwk", q, down), torch.einsum("bhwc,wkc->bhwk", q, across)
    if q.dtype == torch.float32:
        return scaled, k, (by_row[..., None], by_column[..., None, :])
    row, column = (torch.eye(length, dtype=q.dtype, device=q.device) for length in (rows, columns))
    row, column = row[:, None].expand(-1, columns, -1), column.expand(rows, -1, -1)
    places = torch.cat([row, column], -1).expand(len(k), -1, -1, -1)
    return torch.cat([scaled, by_row, by_column], -1), torch.cat([k, places], -1), ()


def distances(table: Tensor, length: int) -> Tensor:
    """From each of `length` places to each, length×length×d of the 2·length − 1 × d that SAM has learnt."""
    if len(table) != 2 * length - 1:
        table = F.interpolate(table.T[None], size=2 * length - 1, mode="linear")[0].T
    return table.flip(0).unfold(0, length, 1).flip(0).transpose(1, 2)


def weighted(q: Tensor, k: Tensor, v: Tensor, biases: tuple[Tensor, ...]) -> Tensor:
    """B×hw×d values that B×h×w×e queries find among B×H×W×e keys; biases: B×h×w×H×W or to be broadcast."""
    weights = torch.bmm(q.flatten(1, 2), k.flatten(1, 2).transpose(1, 2))
    grid = weights.view(*q.shape[:3], *k.shape[1:3])
    for bias in biases:
        grid += bias
    return torch.bmm(torch.softmax(weights, -1, out=weights), v)


def attend_everywhere(block: Block, x: Tensor) -> None:
    """Add what attention among all H×W×C tokens finds."""
    attention = block.attn
    height, width, _ = x.shape
    q, k, v = heads_of(attention, block.norm1(x)[None])[:, 0]
    found = torch.empty_like(x, dtype=q.dtype).view(height, width, attention.num_heads, -1)
    one_row = width * height * width * q.element_size()
    for heads in pieces(len(q), height * one_row, budget(x)):
        asking, asked, biases = with_positions(attention, q[heads], k[heads])
        values = v[heads].flatten(1, 2).contiguous()
        for lines in pieces(height, one_row * len(asking), budget(x)):
            answer = weighted(asking[:, lines], asked, values, tuple(bias[:, lines] for bias in biases))
            found[lines, :, heads] = answer.unflatten(1, (-1, width)).permute(1, 2, 0, 3)
    del q, k, v
    for lines in pieces(height, found[0].numel() * found.element_size(), budget(x)):
        x[lines] += attention.proj(found[lines].flatten(2))
