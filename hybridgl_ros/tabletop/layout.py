"""Which objects a scene holds, where they stand and where the camera is: pure geometry, nothing rendered.

World frame: z up, the table top is z = 0, metres. Optical frame: x right, y down, z forward.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from . import variety
from .objects import COLOURS, SHAPES, SIZES, Mesh, ObjectSpec, build_mesh, pose_of
from .variety import LYING, about_z

WIDTH, HEIGHT = 320, 240
_CENTRE = ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
COPIES = 4
"""How many objects of one shape and size a scene can hold; each copy has proportions of its own."""

SPLITS = ("train", "val", "heldout")
_TRIES = 60
_OVERLAP = 0.22
_CROPPED = 0.05
_EXTENT = (44, 132)
_GAP = 0.006


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera: ``position`` (3,) and ``rotation`` 3×3 (optical to world), ``focal`` in pixels."""

    position: NDArray[np.float64]
    rotation: NDArray[np.float64]
    focal: float

    @property
    def intrinsics(self) -> NDArray[np.float64]:
        """3×3 float64 pinhole matrix; pixel (0, 0) is the centre of the first pixel."""
        return np.array([[self.focal, 0, _CENTRE[0]], [0, self.focal, _CENTRE[1]], [0, 0, 1]])

    def to_optical(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """World points N×3 in the optical frame."""
        return (points - self.position) @ self.rotation

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """World points N×3 as pixels N×2."""
        optical = self.to_optical(points)
        return optical[:, :2] / optical[:, 2:] * self.focal + _CENTRE

    def on_plane(self, pixel: NDArray[np.float64], height: float) -> NDArray[np.float64] | None:
        """The world point (3,) of a pixel on the plane z = ``height``, or None above the horizon."""
        ray = self.rotation @ np.append((pixel - _CENTRE) / self.focal, 1.0)
        if ray[2] > -0.05:
            return None
        return self.position + ray * (height - self.position[2]) / ray[2]


@dataclass(frozen=True, eq=False)
class PlacedObject:
    """An object: which ``copy`` of its mesh, and its ``rotation`` 3×3 and ``position`` (3,) in the world.

    ``shade`` is "light", "dark" or None; ``holder`` the index of the object it is in or on, None for the table.
    """

    spec: ObjectSpec
    copy: int
    rotation: NDArray[np.float64]
    position: NDArray[np.float64]
    shade: str | None = None
    holder: int | None = None

    @property
    def pose(self) -> str | None:
        """One of POSES, or None for shapes without."""
        return pose_of(self.spec.shape, float(self.rotation[2, 2]))

    @property
    def points(self) -> NDArray[np.float64]:
        """Its surface points in the world, V×3."""
        return mesh_of(self.spec.shape, self.spec.size, self.copy).vertices @ self.rotation.T + self.position


@dataclass(frozen=True, eq=False)
class Layout:
    """A camera over a table with objects."""

    camera: Camera
    objects: tuple[PlacedObject, ...]


@cache
def mesh_of(shape: str, size: str, copy: int) -> Mesh:
    """The mesh of one copy; the same in every process and for every seed."""
    key = (SHAPES.index(shape), list(SIZES).index(size), copy)
    return build_mesh(shape, size, np.random.default_rng(key))


def object_set_id(specs: tuple[ObjectSpec, ...]) -> int:
    """A number that depends only on which objects a set holds, not on their order."""
    text = "|".join(f"{spec.size} {spec.colour} {spec.shape}" for spec in sorted(specs))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")


def split_of(group: int) -> str:
    """The only split in which an object set may appear: no two splits share one, whatever their seeds."""
    return {0: "heldout", 1: "val"}.get(group % 16, "train")


def sample_object_set(rng: np.random.Generator, split: str, varied: bool = False) -> tuple[ObjectSpec, ...]:
    """3 to 6 objects of a set that belongs to ``split``, often alike in shape or colour.

    A ``varied`` set often opens with an object that can hold the next. Raises ValueError for an unknown split.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is none of {', '.join(SPLITS)}")
    while True:
        specs: list[ObjectSpec] = []
        count = int(rng.choice([3, 4, 5, 6], p=[0.2, 0.3, 0.3, 0.2]))
        if varied:
            specs = variety.sample_pair(rng)
        elif rng.random() < 0.08:
            specs = [
                ObjectSpec("ring", str(rng.choice(list(COLOURS))), "large"),
                ObjectSpec("ball", str(rng.choice(list(COLOURS))), "small"),
            ]
        while len(specs) < count:
            specs.append(_another(rng, specs))
        room = max(Counter((spec.shape, spec.size) for spec in specs).values()) <= COPIES
        if room and split_of(object_set_id(tuple(specs))) == split:
            return tuple(specs)


def _another(rng: np.random.Generator, specs: list[ObjectSpec]) -> ObjectSpec:
    shape, colour = str(rng.choice(SHAPES)), str(rng.choice(list(COLOURS)))
    size = str(rng.choice(list(SIZES)))
    if not specs:
        return ObjectSpec(shape, colour, size)
    like = specs[int(rng.integers(len(specs)))]
    other_size = "small" if like.size == "large" else "large"
    choices = [
        (0.42, ObjectSpec(shape, colour, size)),
        (0.24, ObjectSpec(like.shape, colour, size)),
        (0.18, ObjectSpec(shape, like.colour, size)),
        (0.10, ObjectSpec(like.shape, like.colour, other_size)),
        (0.06, like),
    ]
    return choices[int(rng.choice(len(choices), p=[weight for weight, _ in choices]))][1]


def sample_layout(rng: np.random.Generator, specs: tuple[ObjectSpec, ...], varied: bool = False) -> Layout | None:
    """Place a camera, then the objects where it sees them whole and apart; None when they find no room.

    In a ``varied`` layout objects take any pose and shade, hide a little more of each other, and the first may hold
    the second.
    """
    camera = _sample_camera(rng, len(specs))
    copies: Counter[tuple[str, str]] = Counter()
    placed: list[PlacedObject] = []
    boxes: list[NDArray[np.float64]] = []
    nested = _nested_pair(specs, camera, varied)
    for index, spec in enumerate(specs):
        copy = copies[spec.shape, spec.size]
        copies[spec.shape, spec.size] += 1
        holder = nested[0] if nested and index == nested[1] else None
        holds = nested is not None and index == nested[0]
        found = _place(rng, camera, spec, copy, placed, boxes, holder, holds, varied)
        if found is None:
            return None
        placed.append(found if not varied else replace(found, shade=variety.sample_shade(rng, spec.colour)))
        boxes.append(_box(camera.project(found.points)))
    return Layout(camera, tuple(placed))


def _nested_pair(specs: tuple[ObjectSpec, ...], camera: Camera, varied: bool) -> tuple[int, int] | None:
    """The first object and the second that it holds, where the camera can see that; only rings hold in plain scenes."""
    if varied:
        return (0, 1) if variety.holds(specs, _steepness(camera)) else None
    head = [(spec.shape, spec.size) for spec in specs[:2]]
    return (0, 1) if head == [("ring", "large"), ("ball", "small")] and _steepness(camera) > 35 else None


def _steepness(camera: Camera) -> float:
    """Angle of the optical axis below the horizon, degrees."""
    return float(np.degrees(np.arcsin(-camera.rotation[2, 2])))


def _sample_camera(rng: np.random.Generator, count: int) -> Camera:
    steep, azimuth, roll = np.radians([rng.uniform(28, 65), rng.uniform(0, 360), rng.normal(0, 3)])
    focal = HEIGHT / 2 / np.tan(np.radians(rng.uniform(30, 44)) / 2)
    extent = rng.uniform(92, 116) * (1.0 if count <= 4 else 0.88)
    forward = np.array([-np.cos(steep) * np.cos(azimuth), -np.cos(steep) * np.sin(azimuth), -np.sin(steep)])
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    right, down = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right
    target = np.array([rng.uniform(-0.04, 0.04), rng.uniform(-0.04, 0.04), 0.03])
    distance = SIZES["large"] * focal / extent
    return Camera(target - distance * forward, np.stack([right, down, forward], axis=1), float(focal))


def _place(
    rng: np.random.Generator,
    camera: Camera,
    spec: ObjectSpec,
    copy: int,
    placed: list[PlacedObject],
    boxes: list[NDArray[np.float64]],
    holder: int | None,
    holds: bool,
    varied: bool,
) -> PlacedObject | None:
    mesh = mesh_of(spec.shape, spec.size, copy)
    host = None if holder is None else placed[holder]
    for _ in range(_TRIES):
        pixel = rng.uniform((35, 40), (WIDTH - 35, HEIGHT - 35))
        if varied:
            rotation = _varied_rotation(rng, spec.shape, camera, upright=holds or host is not None)
        else:
            rotation = np.eye(3) if holds else _sample_rotation(rng, spec.shape, camera)
        height = -float((mesh.vertices @ rotation.T)[:, 2].min())
        position = camera.on_plane(pixel, height)
        if host is not None:
            its_mesh = mesh_of(host.spec.shape, host.spec.size, host.copy)
            height = variety.held_height(host.spec.shape, its_mesh, spec.shape, mesh)
            position = np.array([*host.position[:2], height])
        if position is None:
            continue
        candidate = PlacedObject(spec, copy, rotation, position, holder=holder)
        box = _box(camera.project(candidate.points))
        others = [pair for pair in zip(placed, boxes, strict=True) if pair[0] is not host]
        overlap = variety.OVERLAP if varied else _OVERLAP
        if _in_view(box) and all(_apart(candidate, box, other, its, overlap) for other, its in others):
            return candidate
    return None


def _varied_rotation(rng: np.random.Generator, shape: str, camera: Camera, upright: bool) -> NDArray[np.float64]:
    pose = variety.sample_pose(rng, shape)
    if pose is None:
        return about_z(rng.uniform(-np.pi, np.pi))
    if upright:
        pose = "lying" if shape == "ring" else "standing"
    return variety.pose_rotation(rng, shape, pose, _towards(camera))


def _towards(camera: Camera) -> float:
    """The direction on the table that points at the camera, radians."""
    return float(np.arctan2(-camera.rotation[1, 2], -camera.rotation[0, 2]))


def _sample_rotation(rng: np.random.Generator, shape: str, camera: Camera) -> NDArray[np.float64]:
    """Upright or lying, turned so that what tells the shape apart (hole, handle, length) faces the camera."""
    towards = _towards(camera)
    steepness = _steepness(camera)
    turn = rng.uniform(-np.pi, np.pi)
    if shape == "mug":
        side = rng.choice([-1, 1]) * np.pi / 2
        return about_z(towards + side + np.radians(rng.uniform(-50, 55)) * -np.sign(side))
    if shape == "ring" and rng.random() < (0.75 if steepness < 40 else 0.3):
        return about_z(towards + np.radians(rng.uniform(-50, 50))) @ LYING
    if shape in ("cylinder", "bottle") and rng.random() < (0.2 if steepness < 50 else 0.55):
        side = rng.choice([-1, 1]) * np.pi / 2
        return about_z(towards + side + np.radians(rng.uniform(-50, 50))) @ LYING
    return about_z(turn)


def _box(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])


def _area(box: NDArray[np.float64]) -> float:
    return float(np.prod(np.maximum(box[2:] - box[:2], 0)))


def _common(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    return _area(np.concatenate([np.maximum(one[:2], two[:2]), np.minimum(one[2:], two[2:])]))


def _in_view(box: NDArray[np.float64]) -> bool:
    """Almost whole inside the picture, and neither tiny nor so near that it fills it."""
    whole = _common(box, np.array([0, 0, WIDTH, HEIGHT])) >= (1 - _CROPPED) * _area(box)
    return whole and _EXTENT[0] <= float((box[2:] - box[:2]).max()) <= _EXTENT[1]


def _apart(
    one: PlacedObject,
    box: NDArray[np.float64],
    two: PlacedObject,
    other_box: NDArray[np.float64],
    overlap: float,
) -> bool:
    """Neither object hides much of the other, and they do not touch on the table."""
    reach = [np.linalg.norm((item.points - item.position)[:, :2], axis=1).max() for item in (one, two)]
    distance = np.linalg.norm((one.position - two.position)[:2])
    hidden = _common(box, other_box) / min(_area(box), _area(other_box))
    return bool(distance > sum(reach) * 0.92 + _GAP and hidden <= overlap)
