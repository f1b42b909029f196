"""The loaded models of a process, each set once, however many cameras use it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, overload

import numpy as np

from hybridgl_ros.config import values_of
from hybridgl_ros.memory import made_to_last
from hybridgl_ros.progress import Progress
from hybridgl_ros.settings import Config, descriptions
from hybridgl_ros.types import Answer, Scene


class Segmenter(Protocol):
    """What the node needs of a ReferringSegmenter."""

    def with_config(self, config: Config) -> Segmenter: ...

    def complete(self) -> None: ...

    def encode(
        self,
        image: np.ndarray,
        *,
        depth: np.ndarray | None = ...,
        intrinsics: np.ndarray | None = ...,
        progress: Progress,
    ) -> Scene: ...

    @overload
    def refer(self, scene: Scene, expression: str, progress: Progress) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    def refer(self, scene: Scene, expression: Sequence[str], progress: Progress) -> list[Answer]: ...


def load_segmenter(config: Config) -> Segmenter:
    """The real models. Imported late: torch takes seconds, and the node is to answer meanwhile."""
    with made_to_last():
        from hybridgl_ros.segmenter import ReferringSegmenter

        return ReferringSegmenter.from_config(overrides=values_of(config))


class ModelStore:
    """Loads models for the first who takes them and drops them when the last has left them; used in one thread.

    make_segmenter: loads the models of a configuration.
    """

    def __init__(self, make_segmenter: Callable[[Config], Segmenter]) -> None:
        self._make = make_segmenter
        self._loaded: dict[Hashable, Segmenter] = {}
        self._users: Counter[Hashable] = Counter()
        self._names = [name for name, known in descriptions().items() if known.stage == "models"]

    def __len__(self) -> int:
        return len(self._loaded)

    def take(self, config: Config) -> Segmenter:
        """A configuration's models, for one user more; under which settings besides, its `with_config` decides."""
        models = self._models_of(config)
        if models not in self._loaded:
            self._loaded[models] = self._make(config)
        self._users[models] += 1
        return self._loaded[models]

    def leave(self, config: Config) -> None:
        """One user less of what was taken with this configuration."""
        models = self._models_of(config)
        self._users[models] -= 1
        if not self._users[models]:
            del self._users[models], self._loaded[models]

    def _models_of(self, config: Config) -> Hashable:
        """The settings that loaded models depend on."""
        values = values_of(config)
        return tuple(values[name] for name in self._names)
