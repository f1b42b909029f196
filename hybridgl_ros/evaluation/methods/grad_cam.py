"""Grad-CAM (Selvaraju et al., ICCV 2017) on CLIP ResNet-50, scored against the proposals."""

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
    """Channels weighted by the mean gradient of the image-text cosine, negative sums cut: h×w float32."""
    with torch.enable_grad():
        channels = activations.detach().clone().requires_grad_(True)
        cosine = F.normalize(visual.attnpool(channels), dim=-1)[0] @ text
        (gradient,) = torch.autograd.grad(cosine, channels)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return torch.relu((weights * activations).sum(dim=1))[0].float()
