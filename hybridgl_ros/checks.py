"""Checks that need models or their results, where the settings' own ranges do not reach."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.settings import Config
from hybridgl_ros.types import Proposals, Scene


def check_blocks(config: Config, blocks: int) -> None:
    """Raise ConfigError for settings that name more transformer blocks than the CLIP has: they would do nothing."""
    if config.features.start_block >= blocks:
        raise ConfigError(
            f"features.start_block: {config.features.start_block} is outside 0 … {blocks - 1}:"
            f" {config.models.clip} has {blocks} blocks"
        )
    if config.guidance.map_blocks > blocks:
        raise ConfigError(
            f"guidance.map_blocks: {config.guidance.map_blocks} is outside 1 … {blocks}:"
            f" {config.models.clip} has {blocks} blocks"
        )


def make_scene(
    image: np.ndarray,
    proposals: Proposals,
    features: Tensor,
    tokens: Tensor | None,
    grid: tuple[int, int],
    timings: dict[str, float],
) -> Scene:
    """A scene of the proposals that are described by finite numbers: one that is not would spoil all scores."""
    finite = features.isfinite().all(dim=1)
    lost = int(len(finite) - finite.sum())
    if not lost:
        return Scene(image, proposals, features, tokens, grid, timings)
    note = f"{lost} of {len(finite)} proposals were left out: their features are not finite"
    return Scene(image, proposals.only(finite.cpu().numpy()), features[finite], tokens, grid, timings, notes=(note,))
