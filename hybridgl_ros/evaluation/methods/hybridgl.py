"""HybridGL itself, under any configuration: every preset, mode and row of the ablations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.settings import Config
from hybridgl_ros.types import Answer, Proposals, Scene

SETTINGS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class EncodedScene:
    """A scene and the segmenter that made it."""

    segmenter: ReferringSegmenter
    scene: Scene

    @property
    def proposals(self) -> Proposals:
        return self.scene.proposals

    def refer(self, expression: str) -> Answer:
        return self.segmenter.refer(self.scene, expression)


@dataclass(frozen=True)
class HybridGL:
    """The library's segmenter over cached stages."""

    segmenter: ReferringSegmenter
    stages: Stages

    def encode(self, image: np.ndarray) -> EncodedScene:
        return EncodedScene(self.segmenter, self.stages.scene(self.segmenter, image))


def build(config: Config, stages: Stages) -> HybridGL:
    return HybridGL(stages.segmenter.with_config(config), stages)
