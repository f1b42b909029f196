"""MaskCLIP (Zhou et al., ECCV 2022) on CLIP ResNet-50, scored against the proposals."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hybridgl_ros.evaluation.methods._resnet import MODEL, NO_MAPS, ResNetMaps, build_maps
from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.settings import Config

SETTINGS = NO_MAPS
MODELS = (MODEL,)


def build(config: Config, stages: Stages) -> ResNetMaps:
    return build_maps(config, stages, localise)


def localise(visual: Any, activations: Tensor, text: Tensor) -> Tensor:
    """Cosine of the text with every position's value embedding, the attention pooling left out: h×w float32."""
    pool = visual.attnpool
    with torch.no_grad():
        embeddings = pool.c_proj(pool.v_proj(activations.permute(0, 2, 3, 1)))
        return (F.normalize(embeddings, dim=-1)[0] @ text).float()
