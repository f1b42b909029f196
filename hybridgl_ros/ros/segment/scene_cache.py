"""Encoded scenes of the last few pictures, so that another expression on one of them costs no image pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hybridgl_ros.config import values_of
from hybridgl_ros.metric.registration import RegisteredDepth
from hybridgl_ros.settings import Config, descriptions
from hybridgl_ros.types import Scene

# Rows that are compared first: pictures of a camera hardly ever agree in them by chance.
SAMPLED_ROWS = 16
WORD = 8


@dataclass(frozen=True)
class Encoded:
    """A picture, its depth, the settings that its scene depends on, and the scene."""

    image: np.ndarray
    depth: RegisteredDepth | None
    settings: list[Any]
    scene: Scene

    def shows(self, image: np.ndarray, depth: RegisteredDepth | None) -> bool:
        """Whether it is of this picture and depth."""
        if (self.depth is None) != (depth is None) or not same(self.image, image):
            return False
        if self.depth is None or depth is None:
            return True
        return same(self.depth.intrinsics, depth.intrinsics) and same(self.depth.depth, depth.depth)


class SceneCache:
    """The most recently used scenes, by picture, depth and the settings that a scene depends on."""

    def __init__(self) -> None:
        self._kept: list[Encoded] = []
        self._image_settings = [name for name, known in descriptions().items() if known.stage == "image"]
        self._config: Config | None = None
        self._settings: list[Any] = []

    def __len__(self) -> int:
        return len(self._kept)

    def get(
        self,
        image: np.ndarray,
        config: Config,
        encode: Callable[..., Scene],
        capacity: int,
        depth: RegisteredDepth | None = None,
    ) -> Scene:
        """The scene of an H×W×3 uint8 picture, encoded only if it is not among the last `capacity` ones.

        encode: as `ReferringSegmenter.encode`.
        """
        settings = self._settings_of(config)
        found = next((one for one in self._kept if one.settings == settings and one.shows(image, depth)), None)
        others = [one for one in self._kept if one is not found]
        with_depth = {"depth": depth.depth, "intrinsics": depth.intrinsics} if depth else {}
        newest = found or Encoded(image, depth, settings, encode(image, **with_depth))
        self._kept = [*others, newest][-capacity:] if capacity else []
        return newest.scene

    def clear(self) -> None:
        """Keep none."""
        self._kept = []

    def _settings_of(self, config: Config) -> list[Any]:
        if config is not self._config:
            values = values_of(config)
            self._config, self._settings = config, [values[name] for name in self._image_settings]
        return self._settings


def same(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two pictures are equal, NaN included; for two that are not, this mostly reads a few rows."""
    if first is second:
        return True
    if first.shape != second.shape:
        return False
    rows = slice(None, None, max(1, len(first) // SAMPLED_ROWS))
    return equal(first[rows], second[rows]) and equal(first, second)


def equal(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two arrays of one shape hold the same; whole numbers are compared eight bytes at a time if possible."""
    if first.dtype.kind == "f":
        return np.array_equal(first, second, equal_nan=True)
    if first.dtype == second.dtype and not first.nbytes % WORD and contiguous(first) and contiguous(second):
        first, second = (array.reshape(-1).view(np.uint64) for array in (first, second))
    return np.array_equal(first, second)


def contiguous(array: np.ndarray) -> bool:
    return bool(array.flags.c_contiguous)
