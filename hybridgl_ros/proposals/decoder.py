"""SAM's mask decoder for many single points of one picture.

Runs segment_anything's own `MaskDecoder` over its own parameters (Kirillov et al., *Segment Anything*, ICCV 2023, §3),
with the same operations on every number in the same order, so that logits and ratings are those of its `forward`.
What differs: what depends on the picture only is computed once, the picture's tokens are held for a few points at
once, and a point's masks are upscaled only when the decoder itself rates one of them well enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from segment_anything.modeling import MaskDecoder, Sam
    from segment_anything.modeling.transformer import Attention, TwoWayAttentionBlock

# Points decoded together on a CPU: with fewer, the products of their tokens are so small that BLAS rounds differently.
TOGETHER = 4


@dataclass(frozen=True)
class Picture:
    """What the decoder makes of a picture whatever the points: T×C tokens and positions, and of its first block the
    keys, values and queries, heads×T×d."""

    tokens: Tensor
    positions: Tensor
    keys: Tensor
    values: Tensor
    queries: Tensor


def decode_points(sam: Sam, features: Tensor, points: Tensor, threshold: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits M×h×w float32 at the decoder's own size, and SAM's ratings of them, M float32, some points at a time.

    features: 1×C×h×w. points: P×2, x and y on SAM's own grid. Of the three masks of each point only those rated above
    the threshold, all when it is 0.
    """
    decoder = sam.mask_decoder
    labels = torch.ones(len(points), 1, dtype=torch.int, device=points.device)
    sparse, dense = sam.prompt_encoder(points=(points[:, None], labels), boxes=None, masks=None)
    picture = read_picture(decoder, features + dense[:1], sam.prompt_encoder.get_dense_pe())
    tokens = torch.cat((decoder.iou_token.weight, decoder.mask_tokens.weight)).expand(len(points), -1, -1)
    tokens = torch.cat((tokens, sparse), dim=1)
    together = TOGETHER if points.device.type == "cpu" else len(points)
    first = 0
    for some in tokens.tensor_split(max(1, len(points) // together)):
        found, images = attend(decoder, picture, some)
        # Heads see as many rows as with all points at once.
        around = (0, 0, first, len(points) - first - len(some))
        ratings = decoder.iou_prediction_head(F.pad(found[:, 0], around))[first : first + len(some), 1:]
        good = ratings > threshold if threshold > 0 else torch.ones_like(ratings, dtype=torch.bool)
        if good.any():
            weights = torch.stack(
                [
                    head(F.pad(found[:, 1 + place], around))[first : first + len(some)]
                    for place, head in enumerate(decoder.output_hypernetworks_mlps)
                ],
                dim=1,
            )
            for image, weight, rating, chosen in zip(images, weights, ratings, good):
                if chosen.any():
                    size = features.shape[-2:]
                    grid = image.view(1, *size, -1).permute(0, 3, 1, 2)
                    logits = upscaled(decoder, grid, weight[None])[0, 1:]
                    yield logits[chosen], rating[chosen]
        first += len(some)


def read_picture(decoder: MaskDecoder, embedding: Tensor, positions: Tensor) -> Picture:
    """What depends on the 1×C×h×w embedding and positions only."""
    tokens, places = (values.flatten(2)[0].T for values in (embedding, positions))
    block = decoder.transformer.layers[0]
    to_image, to_tokens = block.cross_attn_token_to_image, block.cross_attn_image_to_token
    placed = tokens + places
    return Picture(
        tokens,
        places,
        heads_of(to_image, to_image.k_proj(placed)),
        heads_of(to_image, to_image.v_proj(tokens)),
        heads_of(to_tokens, to_tokens.q_proj(placed)),
    )


def heads_of(attention: Attention, projected: Tensor) -> Tensor:
    """…×tokens×width as …×heads×tokens×d."""
    return projected.unflatten(-1, (attention.num_heads, -1)).transpose(-3, -2)


def attend(decoder: MaskDecoder, picture: Picture, tokens: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The two-way transformer: n×t×C tokens of points, and what the picture's T×C tokens become for each point."""
    transformer = decoder.transformer
    queries, images = tokens, [picture.tokens] * len(tokens)
    for number, block in enumerate(transformer.layers):
        queries = attend_to_tokens(block, queries, tokens)
        placed = [] if number == 0 else [image + picture.positions for image in images]
        attention = block.cross_attn_token_to_image
        asked = heads_of(attention, attention.q_proj(queries + tokens))
        queries = block.norm2(queries + from_images(attention, asked, images, placed, picture))
        queries = block.norm3(queries + block.mlp(queries))
        images = to_images(block, queries, tokens, images, placed, picture)
        del placed
    attention = transformer.final_attn_token_to_image
    asked = heads_of(attention, attention.q_proj(queries + tokens))
    placed = [image + picture.positions for image in images]
    queries = queries + from_images(attention, asked, images, placed, picture)
    return transformer.norm_final_attn(queries), images


def attend_to_tokens(block: TwoWayAttentionBlock, queries: Tensor, tokens: Tensor) -> Tensor:
    if block.skip_first_layer_pe:
        return block.norm1(block.self_attn(q=queries, k=queries, v=queries))
    placed = queries + tokens
    return block.norm1(queries + block.self_attn(q=placed, k=placed, v=queries))


def from_images(
    attention: Attention, asked: Tensor, images: list[Tensor], placed: list[Tensor], picture: Picture
) -> Tensor:
    """What n×heads×t×d queries find in their pictures, n×t×C; placed: these with positions, none in the first block."""
    found = []
    for number, query in enumerate(asked):
        if placed:
            keys = heads_of(attention, attention.k_proj(placed[number]))
            values = heads_of(attention, attention.v_proj(images[number]))
        else:
            keys, values = picture.keys, picture.values
        found.append(weighted(query, keys, values))
    return attention.out_proj(torch.stack(found).transpose(1, 2).flatten(2))


def to_images(
    block: TwoWayAttentionBlock,
    queries: Tensor,
    tokens: Tensor,
    images: list[Tensor],
    placed: list[Tensor],
    picture: Picture,
) -> list[Tensor]:
    """The pictures' T×C tokens after they have attended to those of their points."""
    attention = block.cross_attn_image_to_token
    keys = heads_of(attention, attention.k_proj(queries + tokens))
    values = heads_of(attention, attention.v_proj(queries))
    results = []
    for number, (key, value) in enumerate(zip(keys, values)):
        asked = heads_of(attention, attention.q_proj(placed[number])) if placed else picture.queries
        found = attention.out_proj(weighted(asked, key, value).transpose(0, 1).flatten(1))
        found += images[number]
        results.append(block.norm4(found))
    return results


def weighted(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention of heads×t×d queries over heads×n×d keys and values: heads×t×d."""
    weights = queries @ keys.transpose(1, 2)
    weights /= math.sqrt(queries.shape[-1])
    return torch.softmax(weights, -1, out=weights) @ values


def upscaled(decoder: MaskDecoder, image: Tensor, weights: Tensor) -> Tensor:
    """1×masks×4h×4w logits of a 1×C×h×w picture and 1×masks×C/8 weights of its channels."""
    for layer in decoder.output_upscaling:
        image = layer(image)
    return (weights @ image.flatten(2)).view(*weights.shape[:2], *image.shape[2:])
