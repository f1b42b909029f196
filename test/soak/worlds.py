"""The worlds that a camera can show, by name."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from soak.tabletop import Tabletop
from soak.world import Blocks


class World(Protocol):
    """Pictures by number, and what is right to say of them."""

    expressions: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def intrinsics(self) -> np.ndarray: ...

    def picture(self, number: int) -> np.ndarray: ...

    def depth(self, number: int) -> np.ndarray: ...

    def error(self, number: int, expression: str, first: Any) -> str: ...


def world_of(models: str) -> World:
    """The world that these models know: `fake` or `embedded`."""
    return Tabletop() if models == "embedded" else Blocks()
