"""The GEM localisation map G_co (§3.3; Bousselham et al. 2024) on the weights of the one loaded CLIP."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.spatial.weights import enlargement, extremal

# Cosines that differ by less are equal: resizing alone leaves differences of 1e-7.
CONSTANT = 1e-6


def map_tokens(clip: ClipEncoder, image: np.ndarray, size: int, blocks: int) -> tuple[Tensor, tuple[int, int]]:
    """Patch embeddings of the map path: K×d float32 of unit length, and their (rows, columns).

    image: H×W×3 uint8 RGB, squashed to size×size (bicubic, CLIP's own statistics). Over the last `blocks` blocks a
    map path runs beside the usual one: it only adds self-self attention outputs, no MLP. Independent of the text.
    """
    with torch.inference_mode(), clip.autocast():
        tokens = clip.embed(squash(clip, image, size))
        start = max(len(clip.blocks) - blocks, 0)
        tokens = clip.run(tokens, 0, start)
        path = tokens
        for block in clip.blocks[start:]:
            normed = block.norm(tokens)
            projections = block.projections(normed)
            path = path + block.merge(self_self_attention(projections, normed.norm(dim=-1).mean(dim=-1)))
            if block is not clip.blocks[-1]:
                tokens = block.finish(tokens, F.scaled_dot_product_attention(*projections))
        embeddings = clip.project(path)[0, 1:].float()
    side = size // clip.visual.conv1.kernel_size[0]
    return F.normalize(embeddings, dim=-1), (side, side)


def squash(clip: ClipEncoder, image: np.ndarray, size: int) -> Tensor:
    """The image resized to size×size without keeping its aspect, normalised, 1×3×size×size.

    Pillow resizes in two passes of bytes, as the reference implementation's transform does; a resize of floats
    moves the map by 1e-2.
    """
    resized = np.array(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))
    return clip.normalise(torch.from_numpy(resized).to(clip.device).permute(2, 0, 1)[None])


def self_self_attention(projections: Tensor, norm: Tensor) -> Tensor:
    """Mean of the q-q, k-k and v-v attention outputs, B×heads×L×d, before the block's output projection.

    projections: queries, keys and values, 3×B×heads×L×d. norm: B, mean length of the layer-normed tokens.
    Temperature: mean token norm · head_dim^−½ (§5 of GEM).
    """
    scale = norm.view(-1, 1, 1, 1) * projections.shape[-1] ** -0.5
    values = projections[2].expand_as(projections)
    z = F.normalize(projections, dim=-1)
    z = F.normalize(attend(z, z, scale), dim=-1)
    return attend(z, values, scale).mean(dim=0)


def attend(z: Tensor, values: Tensor, scale: Tensor) -> Tensor:
    """softmax(scale · z zᵀ) values, 3×B×heads×L×d each; the L×L products are never kept."""
    scaled = (scale * z).to(z.dtype)
    attended = F.scaled_dot_product_attention(scaled.flatten(0, 1), z.flatten(0, 1), values.flatten(0, 1), scale=1.0)
    return attended.view(z.shape)


@dataclass(frozen=True)
class LocalisationMap:
    """G_co in [0, 1] of one phrase on the map tokens' own grid.

    values: rows×columns float64, which enlarged to `square` pixels and then to the picture are G_co.
    """

    values: Tensor
    square: int
    image_size: tuple[int, int]

    def enlarged(self) -> Tensor:
        """G_co, H×W float32."""
        (height, width), (rows, columns) = self.image_size, self.values.shape
        down = enlargement(rows, self.square, height).float()
        across = enlargement(columns, self.square, width).float()
        return min_max(down @ self.values.float() @ across.T)


def localisation_map(
    tokens: Tensor, grid: tuple[int, int], phrase: Tensor, size: int, image_size: tuple[int, int]
) -> LocalisationMap:
    """G_co of one phrase's feature (d). All ones when the map is constant.

    Cosine per token, bilinear to size×size, min-max, resized to the image (antialiased), min-max again: all of it is
    linear but the four extremes.
    """
    values = (tokens @ F.normalize(phrase, dim=-1)).view(grid).double().cpu()
    (rows, columns), (height, width) = grid, image_size
    stages = (
        (extremal(rows, size), extremal(columns, size)),
        (extremal(rows, size, height), extremal(columns, size, width)),
    )
    for down, across in stages:
        enlarged = down @ values @ across.T
        low, high = enlarged.aminmax()
        if not bool(high - low > CONSTANT):
            return LocalisationMap(torch.ones_like(values), size, image_size)
        values = (values - low) / (high - low)
    return LocalisationMap(values, size, image_size)


def min_max(values: Tensor) -> Tensor:
    """Values stretched to [0, 1]; ones when they are all the same up to rounding."""
    low, high = values.min(), values.max()
    if not bool(high - low > CONSTANT):
        return torch.ones_like(values)
    return (values - low) / (high - low)
