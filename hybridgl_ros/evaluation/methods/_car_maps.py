"""Maps of CLIP as RNN: gradients of a text's probability at the last block, spread by the attention between patches.

Gradients and spreading follow CLIP-ES (Lin et al., CVPR 2023), from which the authors took them.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hybridgl_ros.clip.blocks import Block
from hybridgl_ros.clip.encoder import ClipEncoder

SINKHORN = 3
"""How often the attention is normalised over its columns and rows."""
LOWERING = 0.1
"""By how much the threshold of the boxes goes down while nothing lies above it."""


class AttendedImage:
    """An image squashed to whole patches and run up to the last block.

    tokens: 1×(1+K)×width float32 before the last block. spread: K×K, how much of a patch's value comes from which
    other one. grid: (rows, columns) of the patches. size: (H, W) of the image.
    """

    def __init__(self, clip: ClipEncoder, image: np.ndarray, attention_blocks: int) -> None:
        self.clip, self.size = clip, image.shape[:2]
        (patch, _) = clip.visual.conv1.kernel_size
        self.grid = tuple(math.ceil(side / patch) for side in self.size)
        rows, columns = self.grid
        picture = Image.fromarray(image).resize((columns * patch, rows * patch), Image.Resampling.BICUBIC)
        with torch.no_grad(), clip.autocast():
            tokens = embed(clip, pixels_of(clip, [picture]))
            attentions = []
            for block in clip.blocks[:-1]:
                tokens, attention = attended(block, tokens)
                attentions.append(attention)
            attentions.append(attended(clip.blocks[-1], tokens)[1])
            mean = torch.stack(attentions[-attention_blocks:]).mean(dim=0)[0, 1:, 1:]
        self.tokens = tokens
        self.spread = doubly_normalised(mean)

    def activation(self, texts: Tensor) -> np.ndarray:
        """Where the first of T×d unit text features lies, against the others: rows×columns float32 in [0, 1]."""
        block, scale = self.clip.blocks[-1], self.clip.logit_scale
        with torch.enable_grad(), self.clip.autocast():
            normed = block.norm(self.tokens).detach().requires_grad_(True)
            query, key, value = block.projections(normed)
            after = self.tokens + block.merge(F.scaled_dot_product_attention(query, key, value))
            # The block's own module, since `Block` works in place.
            own = self.clip.visual.transformer.resblocks[-1]
            after = after + own.ls_2(own.mlp(own.ln_2(after)))
            pooled = projected(self.clip, self.clip.visual.ln_post(after)[:, 1:].mean(dim=1))
            probability = (scale * F.normalize(pooled, dim=-1) @ texts.T).softmax(dim=-1)[0, 0]
            (gradient,) = torch.autograd.grad(probability, normed)
        channels = gradient[0, 1:].mean(dim=0)
        found = torch.relu(normed.detach()[0, 1:] @ channels)
        return stretched(stretched(found.float().view(self.grid).cpu().numpy()))

    def refined(self, activation: np.ndarray, box_threshold: float) -> np.ndarray:
        """The activation spread to the patches that attend to it, from inside its boxes: H×W float32 in [0, 1]."""
        boxed = torch.from_numpy(activation * inside_boxes(activation, box_threshold)).flatten().to(self.spread)
        spread = (self.spread @ boxed).view(self.grid).cpu().numpy()
        return cv2.resize(stretched(spread), self.size[::-1])


def embed(clip: ClipEncoder, pixels: Tensor) -> Tensor:
    """Normalised pixels B×3×S×T → tokens B×(1+K)×width before the first block; the positional embedding is resampled
    bilinearly and in half precision, as published."""
    visual = clip.visual
    patches = visual.conv1(pixels).float()
    own = visual.positional_embedding[1:].T.reshape(1, -1, *clip.grid)
    resampled = F.interpolate(own, size=patches.shape[-2:], mode="bilinear", align_corners=False).flatten(2)[0].T
    positions = torch.cat([visual.positional_embedding[:1], resampled]).half().float()
    class_token = visual.class_embedding.float().expand(len(patches), 1, -1)
    return visual.ln_pre(torch.cat([class_token, patches.flatten(2).transpose(1, 2)], dim=1) + positions)


def pixels_of(clip: ClipEncoder, pictures: list[Image.Image]) -> Tensor:
    """Pictures of one size → normalised B×3×S×T float32."""
    stacked = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))
    return clip.normalise(stacked.permute(0, 3, 1, 2).to(clip.device))


def attended(block: Block, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """A block's output, and who attends to whom B×L×L, the mean over the heads."""
    query, key, value = block.projections(block.norm(tokens))
    weights = (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])).softmax(dim=-1)
    return block.finish(tokens, weights @ value), weights.mean(dim=1).float()


def projected(clip: ClipEncoder, tokens: Tensor) -> Tensor:
    """Normed tokens …×width → …×d."""
    return tokens if clip.visual.proj is None else tokens @ clip.visual.proj


def doubly_normalised(attention: Tensor) -> Tensor:
    """K×K attention whose columns and rows were brought to 1 in turn, made symmetric, and applied twice."""
    for _ in range(SINKHORN):
        attention = attention / attention.sum(dim=0, keepdim=True)
        attention = attention / attention.sum(dim=1, keepdim=True)
    symmetric = (attention + attention.T) / 2
    return symmetric @ symmetric


def inside_boxes(activation: np.ndarray, threshold: float) -> np.ndarray:
    """1 inside the boxes around what lies above a share of the highest value, else 0; a box reaches neither the last
    row nor the last column, as published."""
    rows, columns = activation.shape
    levels = (activation * 255).astype(np.uint8)
    while True:
        _, above = cv2.threshold(levels, int(threshold * levels.max()), 255, cv2.THRESH_BINARY)
        if above.max() > 0 or threshold <= 0:
            break
        threshold -= LOWERING
    inside = np.zeros_like(activation)
    for contour in cv2.findContours(above, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]:
        x, y, width, height = cv2.boundingRect(contour)
        inside[y : min(y + height, rows - 1), x : min(x + width, columns - 1)] = 1
    return inside


def stretched(values: np.ndarray) -> np.ndarray:
    """To 0 … 1; a constant map to 0."""
    values = values - values.min()
    return (values / (1e-15 + values.max())).astype(np.float32)
