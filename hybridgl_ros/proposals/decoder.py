"""SAM's mask decoder for many single points of one picture.

The network is segment_anything's `MaskDecoder` with its own parameters (Kirillov et al., *Segment Anything*, ICCV 2023,
§3); logits and ratings are those of its `forward` up to rounding. What differs is the order of its products. A point
has seven tokens and the picture thousands: what attention projects, it projects on the side of the point's tokens. What
depends on the picture only is computed once, and a point's masks are upscaled only where the decoder itself rates them
well enough. SAM 2's decoder (Ravi et al., 2024) is the same with one more token and finer features to its enlargements.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybridgl_ros.memory import pieces

if TYPE_CHECKING:
    from segment_anything.modeling import MaskDecoder, Sam
    from segment_anything.modeling.transformer import Attention, TwoWayAttentionBlock

# Bytes of the pictures of some points at once: a core's cache, or enough to fill a GPU.
CACHED, FILLED = 4 * 2**20, 64 * 2**20


@dataclass(frozen=True)
class Asked:
    """One attention between tokens of points and those of a picture, as far as the picture's own is concerned.

    projection: heads×d×C, from the picture's tokens to what those of the points are compared with. fixed: heads×d×T,
    what this is whatever the points: that of the positions, and where the picture is still untouched, of the picture.
    """

    projection: Tensor
    fixed: Tensor
    untouched: bool

    @classmethod
    def of(cls, attention: Attention, linear: nn.Linear, positions: Tensor, tokens: Tensor | None) -> Asked:
        """linear: its projection of the picture's side; tokens: T×C of the picture while it is untouched."""
        seen = positions if tokens is None else positions + tokens
        projection = linear.weight.unflatten(0, (attention.num_heads, -1))
        fixed = linear(seen).T.unflatten(0, (attention.num_heads, -1)).contiguous()
        return cls(projection, fixed, tokens is not None)

    def scores(self, asking: Tensor, images: Tensor) -> Tensor:
        """n×heads×t×T products of n×heads×t×d tokens with those of n×T×C pictures, scaled."""
        asking = asking / math.sqrt(asking.shape[-1])
        scores = asking @ self.fixed
        if not self.untouched:
            scores.flatten(1, 2).baddbmm_((asking @ self.projection).flatten(1, 2), images.transpose(1, 2))
        return scores


def decode_points(
    sam: Sam, features: Sequence[Tensor], points: Tensor, threshold: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits M×h×w float32 at the decoder's own size, and SAM's ratings of them, M float32, of one point after another.

    features: as `embed_image` gives them. points: P×2, x and y on SAM's own grid. Of the three masks of each point only
    those rated above the threshold, all when it is 0.
    """
    labels = torch.ones(len(points), 1, dtype=torch.int, device=points.device)
    sparse, dense = sam.prompt_encoder(points=(points[:, None], labels), boxes=None, masks=None)
    embedding, *finer = features
    decoder = Decoder(sam.mask_decoder, embedding + dense[:1], sam.prompt_encoder.get_dense_pe(), finer)
    for piece in pieces(len(points), embedding.nbytes, CACHED if points.device.type == "cpu" else FILLED):
        tokens, images = decoder.attend(sparse[piece])
        # Asked for once: with every look at its numbers a GPU runs dry.
        ratings = decoder.ratings(tokens).cpu()
        good = ratings > threshold if threshold > 0 else torch.ones_like(ratings, dtype=torch.bool)
        weights = decoder.weights(tokens) if good.any() else ()
        for image, weight, rating, chosen in zip(images, weights, ratings, good):
            if chosen.any():
                yield decoder.logits(image, weight[chosen]), rating[chosen]


class Decoder:
    """The decoder on one picture, its 1×C×h×w embedding and positions, and finer features, coarse first."""

    def __init__(
        self, decoder: MaskDecoder, embedding: Tensor, positions: Tensor, finer: Sequence[Tensor] = ()
    ) -> None:
        self._decoder = decoder
        self._transformer = decoder.transformer
        # SAM 2 asks first whether there is an object at all, and adds features to its enlargements.
        first = getattr(decoder, "obj_score_token", None)
        own = (decoder.iou_token.weight, decoder.mask_tokens.weight)
        self._fixed = torch.cat(own if first is None else (first.weight, *own))
        self._rating = 0 if first is None else 1
        self._finer = [pixels_of(part, *embedding.shape[-2:]) for part in finer]
        self._size = embedding.shape[-2:]
        self._picture, places = (values.flatten(2)[0].T.contiguous() for values in (embedding, positions))
        self._keys, self._queries = [], []
        for number, block in enumerate(self._transformer.layers):
            untouched = None if number else self._picture
            attention = block.cross_attn_token_to_image
            self._keys.append(Asked.of(attention, attention.k_proj, places, untouched))
            attention = block.cross_attn_image_to_token
            self._queries.append(Asked.of(attention, attention.q_proj, places, untouched))
        attention = self._transformer.final_attn_token_to_image
        self._keys.append(Asked.of(attention, attention.k_proj, places, None))
        widen, _, _, widen_more, _ = decoder.output_upscaling
        self._widen = [(by_pixels(layer), layer.bias.repeat(4)) for layer in (widen, widen_more)]

    def attend(self, sparse: Tensor) -> tuple[Tensor, Tensor]:
        """The two-way transformer on n×s×C prompts: the n×t×C tokens of points, and n×T×C of the picture for each."""
        tokens = torch.cat((self._fixed.expand(len(sparse), -1, -1), sparse), dim=1)
        queries, images = tokens, self._picture.expand(len(sparse), -1, -1)
        for block, keys, asks in zip(self._transformer.layers, self._keys, self._queries):
            queries = attend_to_tokens(block, queries, tokens)
            found = from_images(block.cross_attn_token_to_image, queries + tokens, images, keys)
            queries = block.norm2(queries + found)
            queries = block.norm3(queries + block.mlp(queries))
            images = block.norm4(with_tokens(block.cross_attn_image_to_token, queries, tokens, images, asks))
        attention = self._transformer.final_attn_token_to_image
        queries = queries + from_images(attention, queries + tokens, images, self._keys[-1])
        return self._transformer.norm_final_attn(queries), images

    def ratings(self, tokens: Tensor) -> Tensor:
        """How good the decoder takes the three masks of each point to be, n×3; tokens: n×t×C."""
        return self._decoder.iou_prediction_head(tokens[:, self._rating])[:, 1:]

    def weights(self, tokens: Tensor) -> Tensor:
        """What the masks of points weigh the channels of the upscaled picture with, n×3×c; tokens: n×t×C."""
        heads = self._decoder.output_hypernetworks_mlps
        masks = tokens[:, self._rating + 1 :]
        return torch.stack([head(masks[:, place]) for place, head in enumerate(heads) if place], dim=1)

    def logits(self, image: Tensor, weights: Tensor) -> Tensor:
        """M×4h×4w logits of the masks of a point from its T×C picture and their M×c weights."""
        _, norm, gelu, _, _ = self._decoder.output_upscaling
        image = self._enlarged(image, 0)
        image = gelu(F.layer_norm(image, image.shape[-1:], norm.weight, norm.bias, norm.eps))
        image = gelu(self._enlarged(image, 1))
        # Rows and columns of the picture, of the first enlargement and of the second; pairs of columns move as one.
        pairs = (weights @ image.T).view(torch.complex64).view(-1, *self._size, 2, 2, 2).permute(0, 1, 3, 5, 2, 4)
        return pairs.reshape(-1, 4 * self._size[0], 2 * self._size[1]).view(torch.float32)

    def _enlarged(self, image: Tensor, step: int) -> Tensor:
        """The four pixels of each of T×C, 4T×C′, with what the picture itself has finer there."""
        weights, bias = self._widen[step]
        larger = torch.addmm(bias, image, weights).view(4 * len(image), -1)
        return larger.add_(self._finer[step]) if self._finer else larger


def pixels_of(features: Tensor, height: int, width: int) -> Tensor:
    """1×C×sh×sw features as rows of an h×w picture's pixels after enlargements by two, in their order."""
    steps = int(math.log2(features.shape[-1] // width))
    grid = features[0].view(-1, height, *[2] * steps, width, *[2] * steps)
    # Rows and columns of the picture, then of each enlargement.
    order = [place for step in range(steps + 1) for place in (1 + step, 2 + steps + step)]
    return grid.permute(*order, 0).flatten(0, -2).contiguous()


def by_pixels(layer: nn.ConvTranspose2d) -> Tensor:
    """The weights of an enlargement by two as a C×4C′ matrix, which gives the four pixels of each one after another."""
    return layer.weight.permute(0, 2, 3, 1).flatten(1)


def heads_of(attention: Attention, projected: Tensor) -> Tensor:
    """n×t×width as n×heads×t×d."""
    return projected.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)


def attend_to_tokens(block: TwoWayAttentionBlock, queries: Tensor, tokens: Tensor) -> Tensor:
    if block.skip_first_layer_pe:
        return block.norm1(block.self_attn(q=queries, k=queries, v=queries))
    placed = queries + tokens
    return block.norm1(queries + block.self_attn(q=placed, k=placed, v=queries))


def from_images(attention: Attention, asking: Tensor, images: Tensor, keys: Asked) -> Tensor:
    """What n×t×C tokens find in their n×T×C pictures, n×t×C."""
    scores = keys.scores(heads_of(attention, attention.q_proj(asking)), images)
    weights = torch.softmax(scores, -1, out=scores)
    found = (weights.flatten(1, 2) @ images).view(*weights.shape[:3], -1)
    values = attention.v_proj.weight.unflatten(0, (attention.num_heads, -1)).transpose(1, 2)
    return attention.out_proj((found @ values).transpose(1, 2).flatten(2) + attention.v_proj.bias)


def with_tokens(attention: Attention, queries: Tensor, tokens: Tensor, images: Tensor, asks: Asked) -> Tensor:
    """The n×T×C pictures and what they find in n×t×C tokens."""
    scores = asks.scores(heads_of(attention, attention.k_proj(queries + tokens)), images)
    weights = torch.softmax(scores, -2, out=scores)
    merge = attention.out_proj.weight.T.unflatten(0, (attention.num_heads, -1))
    values = heads_of(attention, attention.v_proj(queries)) @ merge
    # A picture's token finds one whole token in each head.
    values[:, 0] += attention.out_proj.bias
    # Pictures that differ are nobody else's: they are added to where they lie.
    add = torch.baddbmm if asks.untouched else Tensor.baddbmm_
    return add(images, weights.flatten(1, 2).transpose(1, 2), values.flatten(1, 2))
