"""What the baselines on CLIP's ResNet share: activations of an image, a map for an expression, proposals by the map."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hybridgl_ros.clip.localisation import min_max
from hybridgl_ros.evaluation.dependencies import identity
from hybridgl_ros.evaluation.methods._ranking import ranked_answer
from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.models.loading import ClipModel, load_clip
from hybridgl_ros.models.registry import find_checkpoint
from hybridgl_ros.scorers import nothing_proposed
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.settings import Config
from hybridgl_ros.spatial.guidance import guidance_scores
from hybridgl_ros.types import Answer, Proposals, Scene

MODEL = "clip_rn50"
NO_MAPS = {"relations.enabled": False, "guidance.coherence": False, "guidance.position": False}

Localise = Callable[[Any, Tensor, Tensor], Tensor]
"""(image tower, activations 1×C×h×w, unit text feature d) → map h×w."""


class ResNetMaps:
    """Scores proposals by the mean of a map inside the mask minus its mean outside.

    segmenter: proposes and parses. clip: a CLIP with a ModifiedResNet image tower. checksum: its `identity`.
    """

    def __init__(
        self, segmenter: ReferringSegmenter, stages: Stages, clip: ClipModel, checksum: str, localise: Localise
    ) -> None:
        self.segmenter = segmenter
        self.stages = stages
        self.clip = clip
        self.model: Any = clip.model
        self.visual: Any = clip.model.visual
        self.checksum = checksum
        self.localise = localise

    def encode(self, image: np.ndarray) -> EncodedMaps:
        before = len(self.stages.usage())
        proposals, _ = self.stages.proposals(self.segmenter, image)
        entry = self.stages.entry(
            "activations",
            {"clip": self.checksum},
            lambda: {"layer4": self.activations(image)},
        )
        timings = {usage.stage: usage.seconds for usage in self.stages.usage()[before:]}
        scene = Scene(image, proposals, torch.zeros(len(proposals), 0), None, (0, 0), timings)
        return EncodedMaps(self, scene, entry.tensors["layer4"].to(self.device))

    @property
    def device(self) -> torch.device:
        return self.visual.conv1.weight.device

    def activations(self, image: np.ndarray) -> Tensor:
        """The last residual layer's output for the image squashed to the network's input size, 1×C×h×w."""
        visual = self.visual
        side = visual.image_size[0] if isinstance(visual.image_size, (tuple, list)) else visual.image_size
        resized = np.array(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.clip.mean, self.clip.std))
        pixels = (torch.from_numpy(resized).permute(2, 0, 1).float() / 255 - mean) / std
        with torch.no_grad():
            tokens = visual.stem(pixels[None].to(self.device))
            for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
                tokens = layer(tokens)
        return tokens

    def text_feature(self, text: str) -> Tensor:
        """Unit feature of one text, d float32."""
        with torch.no_grad():
            tokens = self.clip.tokenize([text]).to(self.device)
            return F.normalize(self.model.encode_text(tokens).float(), dim=-1)[0]


@dataclass(frozen=True)
class EncodedMaps:
    """One image's proposals and activations."""

    method: ResNetMaps
    scene: Scene
    activations: Tensor

    @property
    def proposals(self) -> Proposals:
        return self.scene.proposals

    def refer(self, expression: str) -> Answer:
        parse = self.method.segmenter.parser.parse(expression)
        timings = dict(self.scene.timings)
        if not len(self.proposals):
            return nothing_proposed(self.scene, parse, (), timings)
        started = time.perf_counter()
        scores = self.scores(parse.sentence)
        timings["scoring"] = time.perf_counter() - started
        return ranked_answer(self.scene, parse, scores, timings)

    def scores(self, text: str) -> np.ndarray:
        """N float32; NaN where the map is not finite."""
        method = self.method
        small = method.localise(method.visual, self.activations, method.text_feature(text))
        if not bool(small.isfinite().all()):
            return np.full(len(self.proposals), np.nan, np.float32)
        full = F.interpolate(small[None, None], size=self.scene.size, mode="bilinear", align_corners=False)
        masks = torch.from_numpy(self.proposals.masks).to(full.device)
        return guidance_scores(min_max(full)[0, 0], masks, 1.0, 1.0).cpu().numpy()


def build_maps(config: Config, stages: Stages, localise: Localise, model: str = MODEL) -> ResNetMaps:
    """The method on a registry's ResNet CLIP. Raises WeightsError when its weights are missing."""
    clip, checksum = load_once(model, config.models.device), identity(find_checkpoint(model))
    return ResNetMaps(stages.segmenter.with_config(config), stages, clip, checksum, localise)


@lru_cache(maxsize=1)
def load_once(model: str, device: str) -> ClipModel:
    """Two methods of one table share the model."""
    return load_clip(model, device)
