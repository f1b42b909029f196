"""Encoded scenes of the last few pictures, so that another expression on one of them costs no image pass."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np

from hybridgl_ros.config import values_of
from hybridgl_ros.metric.registration import RegisteredDepth
from hybridgl_ros.settings import Config, descriptions
from hybridgl_ros.types import Scene


class SceneCache:
    """The most recently used scenes, by picture, depth and the settings that a scene depends on."""

    def __init__(self) -> None:
        self._scenes: OrderedDict[Hashable, Scene] = OrderedDict()
        self._image_settings = [name for name, known in descriptions().items() if known.stage == "image"]

    def __len__(self) -> int:
        return len(self._scenes)

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
        key = self._key(image, config, depth)
        with_depth = {"depth": depth.depth, "intrinsics": depth.intrinsics} if depth else {}
        scene = self._scenes.pop(key, None) or encode(image, **with_depth)
        self._scenes[key] = scene
        while len(self._scenes) > capacity:
            self._scenes.popitem(last=False)
        return scene

    def _key(self, image: np.ndarray, config: Config, depth: RegisteredDepth | None) -> Hashable:
        values = values_of(config)
        arrays = [image, depth.depth, depth.intrinsics] if depth else [image]
        return image.shape, tuple(map(digest, arrays)), repr([values[name] for name in self._image_settings])


def digest(array: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(array).data, digest_size=16).digest()
