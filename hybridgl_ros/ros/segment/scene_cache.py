"""Encoded scenes of the last few pictures, so that another expression on one of them costs no image pass."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np

from hybridgl_ros.config import values_of
from hybridgl_ros.settings import Config, descriptions
from hybridgl_ros.types import Scene


class SceneCache:
    """The most recently used scenes, by picture and by the settings that a scene depends on."""

    def __init__(self) -> None:
        self._scenes: OrderedDict[Hashable, Scene] = OrderedDict()
        self._image_settings = [name for name, known in descriptions().items() if known.stage == "image"]

    def __len__(self) -> int:
        return len(self._scenes)

    def get(self, image: np.ndarray, config: Config, encode: Callable[[np.ndarray], Scene], capacity: int) -> Scene:
        """The scene of an H×W×3 uint8 picture, encoded only if it is not among the last `capacity` ones."""
        key = self._key(image, config)
        scene = self._scenes.pop(key, None) or encode(image)
        self._scenes[key] = scene
        while len(self._scenes) > capacity:
            self._scenes.popitem(last=False)
        return scene

    def clear(self) -> None:
        """Keep none."""
        self._scenes.clear()

    def _key(self, image: np.ndarray, config: Config) -> Hashable:
        values = values_of(config)
        content = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
        return image.shape, content, repr([values[name] for name in self._image_settings])
