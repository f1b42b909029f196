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

from hybridgl_ros.memory import pieces
from hybridgl_ros.models.parts import part_of

if TYPE_CHECKING:
    from segment_anything.modeling import ImageEncoderViT
    from segment_anything.modeling.image_encoder import Attention, Block

get_rel_pos = part_of("segment_anything", "modeling.image_encoder").get_rel_pos

# Bytes of attention weights at once: a core's cache, or enough to fill a GPU.
CACHED, FILLED = 4 * 2**20, 256 * 2**20


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
    for block in encoder.blocks:
        if block.window_size > 0:
            for window in windows(x, block):
                window += attended_windows(block, window)
        else:
            attend_everywhere(block, x)
        tokens = x.flatten(0, 1)
        for piece in pieces(len(tokens), block.mlp.lin1.out_features * x.element_size(), budget(x)):
            tokens[piece] += block.mlp(block.norm2(tokens[piece]))
    return encoder.neck(x.permute(2, 0, 1)[None])


def budget(x: Tensor) -> int:
    return CACHED if x.device.type == "cpu" else FILLED


def windows(x: Tensor, block: Block) -> Iterator[Tensor]:
    """The windows of H×W×C tokens, as N×h×w×C views of alike ones; h and w are the window's size or less."""
    size = block.window_size
    bytes_each = block.attn.num_heads * size**4 * x.element_size()
    for band in whole_and_rest(x, size, 0):
        for part in whole_and_rest(band, size, 1):
            height, width = min(size, part.shape[0]), min(size, part.shape[1])
            grid = part.unflatten(0, (-1, height)).unflatten(2, (-1, width)).transpose(1, 2)
            for line in grid:
                for piece in pieces(len(line), bytes_each, budget(x)):
                    yield line[piece]


def whole_and_rest(x: Tensor, size: int, dimension: int) -> Iterator[Tensor]:
    """What of a dimension is a multiple of `size`, and the rest, where there are any."""
    length = x.shape[dimension]
    parts = x.tensor_split([length // size * size], dimension)
    return (part for part in parts if part.shape[dimension])


def attended_windows(block: Block, tokens: Tensor) -> Tensor:
    """What attention adds to N×h×w×C tokens of N windows."""
    attention, size = block.attn, block.window_size
    count, height, width, _ = tokens.shape
    q, k, v = heads_of(attention, block.norm1(tokens))
    if (height, width) != (size, size):
        k, v = (padded(attention, part, size, place) for place, part in ((1, k), (2, v)))
    q, k, v = q.flatten(0, 1), k.flatten(0, 1).flatten(1, 2), v.flatten(0, 1).flatten(1, 2)
    found = weighted(q, k, v, attention.scale, *position_biases(attention, q, (size, size)))
    return attention.proj(found.view(count, -1, height, width, v.shape[-1]).permute(0, 2, 3, 1, 4).flatten(3))


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


def position_biases(attention: Attention, q: Tensor, keys: tuple[int, int]) -> tuple[Tensor | None, Tensor | None]:
    """B×h×w×rows and B×h×w×columns: what B×h×w×d queries add for a key's row and column; None without positions."""
    if not attention.use_rel_pos:
        return None, None
    height, width = q.shape[1:3]
    rows = get_rel_pos(keys[0], keys[0], attention.rel_pos_h)[:height]
    columns = get_rel_pos(keys[1], keys[1], attention.rel_pos_w)[:width]
    return torch.einsum("bhwc,hkc->bhwk", q, rows), torch.einsum("bhwc,wkc->bhwk", q, columns)


def weighted(q: Tensor, k: Tensor, v: Tensor, scale: float, rows: Tensor | None, columns: Tensor | None) -> Tensor:
    """B×hw×d values that B×h×w×d queries find among B×n×d keys, with the biases of `position_biases`."""
    weights = torch.bmm((q * scale).flatten(1, 2), k.transpose(1, 2))
    if rows is not None and columns is not None:
        grid = weights.view(*rows.shape, columns.shape[-1])
        grid += rows[..., None]
        grid += columns[..., None, :]
    return torch.bmm(torch.softmax(weights, -1, out=weights), v)


def attend_everywhere(block: Block, x: Tensor) -> None:
    """Add what attention among all H×W×C tokens finds."""
    attention = block.attn
    height, width, _ = x.shape
    q, k, v = heads_of(attention, block.norm1(x)[None])[:, 0]
    biases = position_biases(attention, q, (height, width))
    found = torch.empty_like(x, dtype=q.dtype).view(height, width, attention.num_heads, -1)
    one_row = width * height * width * q.element_size()
    for heads in pieces(len(q), height * one_row, budget(x)):
        keys, values = k[heads].flatten(1, 2), v[heads].flatten(1, 2)
        for lines in pieces(height, one_row * len(keys), budget(x)):
            part = q[heads, lines]
            rows, columns = (None if bias is None else bias[heads, lines] for bias in biases)
            answer = weighted(part, keys, values, attention.scale, rows, columns)
            found[lines, :, heads] = answer.view(part.shape).permute(1, 2, 0, 3)
    del q, k, v, biases
    for lines in pieces(height, found[0].numel() * found.element_size(), budget(x)):
        x[lines] += attention.proj(found[lines].flatten(2))
