"""Token-level access to any open_clip vision transformer, and to timm's EVA."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hybridgl_ros.clip.blocks import Block
from hybridgl_ros.clip.eva import EvaBlock, EvaTower, is_eva
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.models.loading import ClipModel
from hybridgl_ros.models.precision import multiplying_in, product_type

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class ClipEncoder:
    """One CLIP model whose blocks can be run one at a time.

    dtype: type that the image tower multiplies in, that of its weights; tokens stay float32 between the blocks. Raises
    ConfigError when the image tower is not a vision transformer with a class token.
    """

    def __init__(self, loaded: ClipModel) -> None:
        visual: Any = loaded.model.visual
        if is_eva(visual):
            visual = EvaTower(visual)
        if not (hasattr(visual, "transformer") and hasattr(visual, "conv1") and hasattr(visual, "class_embedding")):
            raise ConfigError(f"{type(visual).__name__} is not a vision transformer with a class token")
        # open_clip's towers differ from model to model, so their parts are not typed.
        self.model: Any = loaded.model
        self.visual = visual
        self.tokenize = loaded.tokenize
        self.count_tokens = loaded.count_tokens
        self.context_length = loaded.context_length
        self.statistics = {"clip": (loaded.mean, loaded.std), "imagenet": (IMAGENET_MEAN, IMAGENET_STD)}
        self.dtype = product_type(loaded.model.visual)
        self.blocks: Sequence[Block] = self._blocks(visual)

    @staticmethod
    def _blocks(visual: Any) -> list[Block]:
        if isinstance(visual, EvaTower):
            return [EvaBlock(block, visual.rotations) for block in visual.transformer.resblocks]
        return [Block(block) for block in visual.transformer.resblocks]

    def require_own_blocks(self, method: str) -> None:
        """Raise ConfigError for a tower that is not open_clip's, for a method that needs to look into its blocks."""
        if isinstance(self.visual, EvaTower):
            raise ConfigError(f"{method} cannot use EVA: it wants a vision transformer of open_clip's own blocks")

    @property
    def device(self) -> torch.device:
        return self.visual.conv1.weight.device

    @property
    def input_size(self) -> int:
        """Side of the network's square input in pixels."""
        size = self.visual.image_size
        return int(size[0] if isinstance(size, (tuple, list)) else size)

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of the image tokens at the network's own input size."""
        rows, columns = self.visual.grid_size
        return int(rows), int(columns)

    @property
    def logit_scale(self) -> float:
        """Factor of the cosines before a softmax (100 for OpenAI's weights)."""
        return float(self.model.logit_scale.detach().exp())

    def autocast(self) -> AbstractContextManager[None]:
        """Mixed precision of the image tower; off for float32."""
        return multiplying_in(self.dtype, self.device)

    def normalise(self, image: Tensor, statistics: str = "clip") -> Tensor:
        """uint8 or float …×3×H×W in 0–255 → normalised float32."""
        mean, std = self.statistics[statistics]
        shape = (3, 1, 1)
        offset = torch.tensor(mean, device=image.device).view(shape)
        scale = torch.tensor(std, device=image.device).view(shape)
        return (image.float() / 255).sub_(offset).div_(scale)

    def embed(self, pixels: Tensor) -> Tensor:
        """Normalised pixels B×3×S×T → tokens B×(1+K)×width before the first block.

        The positional embedding is resampled (bicubic, antialiased) when S×T is not the network's own size.
        """
        visual = self.visual
        patches = visual.conv1(pixels).float()
        rows, columns = patches.shape[-2:]
        tokens = patches.flatten(2).transpose(1, 2)
        class_token = visual.class_embedding.to(tokens.dtype).expand(len(tokens), 1, -1)
        tokens = torch.cat([class_token, tokens], dim=1)
        return visual.ln_pre(tokens + self._positions(rows, columns).to(tokens.dtype))

    def _positions(self, rows: int, columns: int) -> Tensor:
        positions = self.visual.positional_embedding
        if (rows, columns) == self.grid:
            return positions
        own = positions[1:].T.reshape(1, -1, *self.grid)
        resampled = F.interpolate(own, size=(rows, columns), mode="bicubic", antialias=True, align_corners=False)
        return torch.cat([positions[:1], resampled.flatten(2)[0].T])

    def run(self, tokens: Tensor, start: int, stop: int) -> Tensor:
        """Blocks start … stop − 1 without masks."""
        for block in self.blocks[start:stop]:
            tokens = block(tokens)
        return tokens

    def project(self, tokens: Tensor) -> Tensor:
        """Tokens …×width → the shared image-text space …×d."""
        projected = self.visual.ln_post(tokens)
        return projected if self.visual.proj is None else projected @ self.visual.proj
