"""A hook through which whoever waits for an answer follows the work on it, and may end it.

It is called in the working thread with the name of a stage, when the stage begins and again before each of its batches:
often enough to stop soon, seldom enough to cost nothing. What it raises ends the work; see `StoppedError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str], None]


def unwatched(stage: str) -> None:
    """Nobody follows, nobody stops."""
