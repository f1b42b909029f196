"""What varied scenes add to plain ones: poses, objects in and on others, light and dark shades.

Plain scenes stay what they are, draw for draw; a scene is varied as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .objects import COLOURS, SHADES, Mesh, ObjectSpec

PAIR_SHARE = 0.55
"""Share of the varied object sets that open with an object to be placed in or on another."""

SHADE_SHARE = 0.3
OVERLAP = 0.32
"""How much of an object's box another may cover in a varied scene."""

HOLDS: dict[tuple[str, str], tuple[float, tuple[tuple[str, str], ...]]] = {
    ("ring", "large"): (
        0.5,
        (
            ("ball", "small"),
            ("ball", "small"),
            ("cube", "small"),
            ("cone", "small"),
            ("cylinder", "small"),
            ("bottle", "small"),
            ("bottle", "large"),
            ("cylinder", "large"),
        ),
    ),
    ("mug", "large"): (0.35, (("ball", "small"), ("ball", "small"), ("cylinder", "small"), ("bottle", "small"))),
    ("cube", "large"): (
        0.15,
        (("ball", "small"), ("cube", "small"), ("cone", "small"), ("mug", "small"), ("cylinder", "small")),
    ),
}
"""What can hold something: how often, and what; a ring goes round it, a mug has it inside, a cube carries it."""

_STEEPNESS = {("ring", "ball"): 32.0, ("ring", "cube"): 32.0, ("mug", "ball"): 36.0}
_LEAST_STEEPNESS = 28.0
"""Degrees below the horizon from which the camera sees what is inside."""

_POSES: dict[str, tuple[tuple[str, float], ...]] = {
    "cylinder": (("standing", 0.5), ("lying", 0.5)),
    "bottle": (("standing", 0.45), ("lying", 0.4), ("upside down", 0.15)),
    "mug": (("standing", 0.5), ("lying", 0.25), ("upside down", 0.25)),
    "cone": (("standing", 0.6), ("lying", 0.25), ("upside down", 0.15)),
    "ring": (("standing", 0.5), ("lying", 0.5)),
}
_BACK = {"cylinder": 0.0, "bottle": 0.0, "mug": 0.0, "cone": np.degrees(np.arctan(0.44 / 1.05))}
"""How far past lying level the axis tips over so that the side rests on the table, degrees."""


def sample_pair(rng: np.random.Generator) -> list[ObjectSpec]:
    """A holder and what it will hold, or nothing."""
    if rng.random() > PAIR_SHARE:
        return []
    holders = list(HOLDS)
    shape, size = holders[int(rng.choice(len(holders), p=[HOLDS[key][0] for key in holders]))]
    held = HOLDS[shape, size][1]
    guest_shape, guest_size = held[int(rng.integers(len(held)))]
    first, second = (str(rng.choice(list(COLOURS))) for _ in range(2))
    return [ObjectSpec(shape, first, size), ObjectSpec(guest_shape, second, guest_size)]


def holds(specs: Sequence[ObjectSpec], steepness: float) -> bool:
    """Whether the first object can hold the second and a camera this steep (degrees) sees it."""
    (holder, guest) = specs[:2]
    fits = (guest.shape, guest.size) in HOLDS.get((holder.shape, holder.size), (0.0, ()))[1]
    return fits and steepness > _STEEPNESS.get((holder.shape, guest.shape), _LEAST_STEEPNESS)


def held_height(holder: str, its_mesh: Mesh, guest: str, mesh: Mesh) -> float:
    """Height of the centre of an upright ``guest`` held by an upright ``holder`` on the table, metres."""
    half, top = float(mesh.vertices[:, 2].max()), 2 * float(its_mesh.vertices[:, 2].max())
    if holder == "ring":
        return half
    if holder == "cube":
        return top + half
    floor = 0.09 * top
    return top - 0.2 * half if guest == "ball" else floor + half


def sample_pose(rng: np.random.Generator, shape: str) -> str | None:
    """A pose for a shape that has any."""
    if shape not in _POSES:
        return None
    names, weights = zip(*_POSES[shape], strict=True)
    return str(names[int(rng.choice(len(names), p=weights))])


def pose_rotation(rng: np.random.Generator, shape: str, pose: str, towards: float) -> NDArray[np.float64]:
    """Rotation 3×3 for a pose; ``towards`` is the direction of the camera on the table, radians.

    Handles, holes and lengths turn to where the camera sees them.
    """
    side = rng.choice([-1, 1]) * np.pi / 2
    if shape == "ring":
        if pose == "lying":
            return about_z(rng.uniform(-np.pi, np.pi))
        return about_z(towards + np.radians(rng.uniform(-55, 55))) @ LYING
    if pose == "lying":
        # The handle of a mug stays off the table.
        own = about_z(np.radians(rng.uniform(110, 250))) if shape == "mug" else about_z(rng.uniform(-np.pi, np.pi))
        across = 75 if shape == "mug" else 50
        turn = towards + side + np.radians(rng.uniform(-across, across))
        return about_z(turn) @ _about_y(np.radians(90 + _BACK[shape])) @ own
    turn = towards + side + np.radians(rng.uniform(-55, 55)) if shape == "mug" else rng.uniform(-np.pi, np.pi)
    upright = about_z(turn)
    return upright @ np.diag([1.0, -1.0, -1.0]) if pose == "upside down" else upright


def sample_shade(rng: np.random.Generator, colour: str) -> str | None:
    """Light, dark or (mostly) neither, of what the colour has."""
    names = [shade for name, shade in SHADES if name == colour]
    return str(rng.choice(names)) if names and rng.random() < SHADE_SHARE else None


def about_z(angle: float) -> NDArray[np.float64]:
    """A turn about the vertical, radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _about_y(angle: float) -> NDArray[np.float64]:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])


LYING = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Turns an object's own axis from z to x."""
