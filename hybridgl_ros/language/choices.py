"""How much weight second readings get."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choices:
    """How many readings there are at most, and the weights of second ones; see choices.yaml."""

    readings: int
    attach_to_target: float
    position_to_target: float
    size_as_rank: float
    posture_as_pose: float
    rank_before_exclusion: float
