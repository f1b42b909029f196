"""The vocabulary of the tabletop, and the surfaces of its shapes as triangle meshes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SHAPES = ("cube", "ball", "cylinder", "cone", "ring", "bottle", "mug")
SIZES = {"small": 0.0625, "large": 0.10}
"""Nominal extent of an object of each size, metres."""

COLOURS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "red": ((-0.020, 0.012), (0.82, 1.0), (0.60, 0.90)),
    "orange": ((0.062, 0.088), (0.88, 1.0), (0.88, 1.0)),
    "yellow": ((0.145, 0.168), (0.80, 1.0), (0.82, 1.0)),
    "green": ((0.295, 0.400), (0.65, 1.0), (0.40, 0.75)),
    "blue": ((0.575, 0.640), (0.75, 1.0), (0.60, 0.95)),
    "purple": ((0.760, 0.815), (0.55, 0.90), (0.45, 0.75)),
    "white": ((0.0, 1.0), (0.0, 0.05), (0.88, 1.0)),
    "black": ((0.0, 1.0), (0.0, 0.15), (0.05, 0.12)),
}
"""Range of hue, saturation and value (all 0 to 1, hue wraps) that each colour name covers."""

SHADES: dict[tuple[str, str], tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    ("red", "light"): ((-0.040, 0.010), (0.35, 0.55), (0.90, 1.0)),
    ("red", "dark"): ((-0.020, 0.010), (0.82, 1.0), (0.28, 0.42)),
    ("yellow", "light"): ((0.145, 0.168), (0.32, 0.50), (0.95, 1.0)),
    ("green", "light"): ((0.295, 0.380), (0.35, 0.55), (0.85, 1.0)),
    ("green", "dark"): ((0.320, 0.400), (0.75, 1.0), (0.20, 0.32)),
    ("blue", "light"): ((0.545, 0.600), (0.32, 0.52), (0.90, 1.0)),
    ("blue", "dark"): ((0.600, 0.650), (0.80, 1.0), (0.28, 0.42)),
    ("purple", "light"): ((0.750, 0.805), (0.25, 0.42), (0.85, 1.0)),
    ("purple", "dark"): ((0.765, 0.815), (0.65, 0.95), (0.22, 0.33)),
}
"""The same for colours in a light or dark shade; the ranges above are neither."""

POSES = ("standing", "lying", "upside down")
_LEVEL = 0.7
"""Share of its length that an object's axis may rise while it still counts as level."""

_HEIGHT_LYING: dict[str, float] = {"cylinder": 0.42, "bottle": 0.46}
_HEIGHT_STANDING: dict[str, float] = {"ring": 0.33}
_SEGMENTS = 40


def pose_of(shape: str, rise: float) -> str | None:
    """The pose of an object whose own axis points up by ``rise`` (cosine): one of POSES, None for cube and ball.

    A ring lies when it is flat on the table and stands on its edge.
    """
    if shape in ("cube", "ball"):
        return None
    level = abs(rise) < _LEVEL
    if shape == "ring":
        return "standing" if level else "lying"
    if level:
        return "lying"
    return "upside down" if rise < 0 and shape != "cylinder" else "standing"


def pose_by_height(shape: str, height: float) -> str | None:
    """The pose from the height of the centre, in nominal extents, where nothing lies but cylinder, bottle and ring."""
    if shape in _HEIGHT_LYING:
        return "lying" if height < _HEIGHT_LYING[shape] else "standing"
    if shape in _HEIGHT_STANDING:
        return "standing" if height > _HEIGHT_STANDING[shape] else "lying"
    return pose_of(shape, 1.0)


@dataclass(frozen=True, order=True)
class ObjectSpec:
    """What an object is, wherever it stands."""

    shape: str
    colour: str
    size: str


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh: ``vertices`` V×3 float64 metres, ``faces`` F×3 int32, counter-clockwise from outside.

    The origin is the middle of the object's axis, z points up when it stands.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]


def build_mesh(shape: str, size: str, rng: np.random.Generator) -> Mesh:
    """An object's surface, with proportions that vary a little from draw to draw.

    Raises KeyError for an unknown shape or size.
    """
    unit = _BUILDERS[shape]()
    slender = 1.0 if shape in ("cube", "ball") else rng.uniform(0.93, 1.08)
    stretch = np.array([1 / np.sqrt(slender), 1 / np.sqrt(slender), slender])
    vertices = unit.vertices * stretch * SIZES[size] * rng.uniform(0.96, 1.05)
    vertices[:, 2] -= (vertices[:, 2].min() + vertices[:, 2].max()) / 2
    return Mesh(vertices, unit.faces)


def _cube() -> Mesh:
    half = 0.36
    square = np.array([(-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)]) * half
    turns = [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
    sides = [square[:, turn] for turn in turns] + [(square * (1, -1, -1))[:, turn] for turn in turns]
    return _join([Mesh(side, np.array([(0, 1, 2), (0, 2, 3)], np.int32)) for side in sides])


def _ball() -> Mesh:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 21)
    return _lathe([(0.43 * np.cos(angle), 0.43 * np.sin(angle))])


def _cylinder() -> Mesh:
    radius, height = 0.25, 1.2
    return _lathe([([0, radius], [0, 0]), ([radius, radius], [0, height]), ([radius, 0], [height, height])])


def _cone() -> Mesh:
    radius, height = 0.44, 1.05
    return _lathe([([0, radius], [0, 0]), (np.linspace(radius, 0, 9), np.linspace(0, height, 9))])


def _ring() -> Mesh:
    angle = np.linspace(0, 2 * np.pi, 21)
    return _lathe([(0.46 + 0.105 * np.cos(angle), 0.105 * np.sin(angle))])


def _bottle() -> Mesh:
    bend = np.linspace(0, np.pi, 12)
    shoulder = 0.17 + 0.08 * np.cos(bend), 0.72 + 0.24 * bend / np.pi
    wall = np.r_[0.25, 0.25, shoulder[0], 0.09], np.r_[0, 0.7, shoulder[1], 1.22]
    lip = [([0.09, 0.12], [1.22, 1.22]), ([0.12, 0.12], [1.22, 1.34]), ([0.12, 0], [1.34, 1.34])]
    return _lathe([([0, 0.25], [0, 0]), wall, *lip])


def _mug() -> Mesh:
    outer, inner, height, floor = 0.34, 0.285, 0.78, 0.07
    body = _lathe(
        [
            ([0, outer], [0, 0]),
            ([outer, outer], [0, height]),
            ([outer, inner], [height, height]),
            ([inner, inner], [height, floor]),
            ([inner, 0], [floor, floor]),
        ]
    )
    angle = np.linspace(-np.pi / 2, np.pi / 2, 17)
    handle = _tube(outer - 0.03 + 0.29 * np.cos(angle), height / 2 + 0.25 * np.sin(angle), 0.06)
    return _join([body, handle])


_BUILDERS = {
    "cube": _cube,
    "ball": _ball,
    "cylinder": _cylinder,
    "cone": _cone,
    "ring": _ring,
    "bottle": _bottle,
    "mug": _mug,
}


def _lathe(pieces: Sequence[tuple[ArrayLike, ArrayLike]]) -> Mesh:
    """Turn profiles of (radius, height) round the z axis; edges between pieces stay sharp.

    A profile runs upwards on the outside, so that its faces look outwards.
    """
    angle = np.linspace(0, 2 * np.pi, _SEGMENTS + 1)
    meshes = []
    for profile in pieces:
        radius, height = (np.asarray(values, float) for values in profile)
        x, y = np.outer(radius, np.cos(angle)), np.outer(radius, np.sin(angle))
        meshes.append(_grid(np.stack([x, y, np.broadcast_to(height[:, None], x.shape)], axis=-1)))
    return _join(meshes)


def _tube(x: NDArray[np.float64], z: NDArray[np.float64], radius: float) -> Mesh:
    """A round tube along a path in the xz plane."""
    dx, dz = np.gradient(x), np.gradient(z)
    length = np.hypot(dx, dz)
    angle = np.linspace(0, 2 * np.pi, 13)
    out = radius * np.cos(angle)
    side = radius * np.sin(angle)
    rows = np.stack(
        [
            x[:, None] + np.outer(dz / length, out),
            np.broadcast_to(side, (len(x), len(angle))),
            z[:, None] - np.outer(dx / length, out),
        ],
        axis=-1,
    )
    return _grid(rows)


def _grid(points: NDArray[np.float64]) -> Mesh:
    """Two triangles per cell of an R×C×3 grid of points, without those that have no area, seams welded."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    vertices, merged = np.unique(points.reshape(-1, 3).round(9) + 0.0, axis=0, return_inverse=True)
    faces = merged.reshape(-1)[faces]
    distinct = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    return Mesh(vertices, faces[distinct].astype(np.int32))


def _join(meshes: list[Mesh]) -> Mesh:
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=True)]).astype(np.int32),
    )
