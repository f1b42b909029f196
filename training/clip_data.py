"""Training scenes in memory, and the batches drawn from them."""

from __future__ import annotations

import glob
import random
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from clip_text import COLOUR_NAMES, POSE_NAMES, SHADE_NAMES, SHAPE_NAMES, SIZE_NAMES
from clip_views import (
    BLUR_KERNEL,
    GRID,
    Mask,
    Picture,
    Window,
    blurred_picture,
    imperfect,
    junk,
    local_picture,
    look,
    object_window,
    outline,
    patches,
    relight,
    shifted_frame,
    token_shares,
    whole_frame,
)
from torch import Tensor

from hybridgl_ros.tabletop.dataset import TabletopScene, TabletopSet
from hybridgl_ros.tabletop.objects import SIZES

UNKNOWN = -1
KINDS = ("colour", "shape", "colour_shape", "size")
"""Kinds of expressions that use no spatial words; those of kind "size" need the size word to be answered."""


@dataclass(frozen=True)
class RamScene:
    """A scene's pictures, its objects, and its expressions without spatial words.

    ``objects``: (instance, shape, colour, size, shade, pose), attributes as indices, -1 for none; ``scales``:
    nominal extent over distance, how large the size looks from here; ``questions``: (kind, text, row of the object).
    """

    image: Picture
    instances: Picture
    objects: tuple[tuple[int, int, int, int, int, int], ...]
    scales: tuple[float, ...]
    questions: tuple[tuple[str, str, int], ...]

    @classmethod
    def of(cls, scene: TabletopScene) -> RamScene:
        """Keep of a scene what training reads. Raises ValueError for a word the texts do not know."""
        objects = tuple(
            (
                o.instance,
                SHAPE_NAMES.index(o.shape),
                COLOUR_NAMES.index(o.colour),
                SIZE_NAMES.index(o.size),
                UNKNOWN if o.shade is None else SHADE_NAMES.index(o.shade),
                UNKNOWN if o.pose is None else POSE_NAMES.index(o.pose),
            )
            for o in scene.objects
        )
        scales = tuple(SIZES[o.size] / o.position[2] for o in scene.objects)
        rows = {o.instance: row for row, o in enumerate(scene.objects)}
        asked = [e for e in scene.expressions if e.kind in KINDS and e.instance in rows]
        questions = tuple((e.kind, e.text, rows[e.instance]) for e in asked if e.instance is not None)
        return cls(scene.image, scene.instances, objects, scales, questions)


class ScenePool:
    """All scenes of the shards that match a pattern; shards written later join at the next :meth:`rescan`."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.scenes: list[RamScene] = []
        self._shards: set[str] = set()

    def rescan(self, limit: int = 1) -> int:
        """Read at most ``limit`` shards not read yet; returns how many it read."""
        new = [path for path in sorted(glob.glob(self.pattern)) if path not in self._shards][:limit]
        for path in new:
            self.scenes.extend(RamScene.of(scene) for scene in TabletopSet(path))
            self._shards.add(path)
        return len(new)


@dataclass
class ViewBatch:
    """Views of objects, B in all, with what is known of each.

    ``local`` and ``blurred``: (B, K, 768) uint8 patches (``blurred`` None unless asked for); ``inside``: (B, K) bool;
    ``shares``: (B, K) float32; ``keep``: (B, K) grid places or None when K is the whole grid;
    ``shape``, ``colour``, ``size``: (B,) int64, -1 = unknown; ``shade``, ``pose``: the same, -1 = none;
    ``scene``: (B,) int64, equal for views of one picture;
    ``outline``: (B, 68) float32, silhouette and box of the mask; ``scale``: (B,) float32, how
    large the object's size looks from its distance (0 for junk).
    """

    local: Tensor
    inside: Tensor
    shares: Tensor
    shape: Tensor
    colour: Tensor
    size: Tensor
    shade: Tensor
    pose: Tensor
    scene: Tensor
    outline: Tensor
    scale: Tensor
    keep: Tensor | None = None
    blurred: Tensor | None = None


@dataclass
class FrameBatch:
    """Whole frames, F in all: ``patches`` (F, 196, 768) uint8, ``shares`` (F, M, 196) float32 of M object slots.

    ``shape`` and ``colour`` are (F, M) int64, -1 in empty slots.
    """

    patches: Tensor
    shares: Tensor
    shape: Tensor
    colour: Tensor


@dataclass(frozen=True)
class ViewPlan:
    """How the views of a batch are drawn.

    Args:
        count: number of views.
        zoomed: share of the views that zoom in on their object; zoomed views do not know their object's size.
        span: range of the share of the side that the object spans in a zoomed view.
        tokens: number of image tokens kept, None = all.
        blurred: also make the blurred views (whole frames only).
        shifted: whether frames that are not zoomed move a little.
        imperfect: share of the masks drawn as a proposal generator may draw them.
        junk: number of junk views per scene (on average).
    """

    count: int
    zoomed: float = 0.0
    span: tuple[float, float] = (0.6, 0.85)
    tokens: int | None = None
    blurred: bool = False
    shifted: bool = True
    imperfect: float = 0.0
    junk: float = 0.0


@dataclass
class _Rows:
    local: list[Picture] = field(default_factory=list)
    blurred: list[Picture] = field(default_factory=list)
    shares: list[np.ndarray] = field(default_factory=list)
    outline: list[np.ndarray] = field(default_factory=list)
    labels: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    scale: list[float] = field(default_factory=list)


def draw_views(pool: ScenePool, plan: ViewPlan, rng: random.Random) -> ViewBatch:
    """A batch of object views, scene by scene, all objects of a scene together (the last scene may be cut)."""
    rows, number = _Rows(), 0
    while len(rows.local) < plan.count:
        scene = rng.choice(pool.scenes)
        _draw_scene(rows, scene, number, plan, rng)
        number += 1
    count = plan.count
    local = np.stack(rows.local[:count])
    shares = np.stack(rows.shares[:count]).reshape(count, -1)
    labels = torch.tensor(rows.labels[:count])
    blurred = np.stack(rows.blurred[:count]) if plan.blurred else None
    keep = None
    if plan.tokens is not None:
        order = np.argsort(np.random.default_rng(rng.getrandbits(32)).random(shares.shape) - (shares > 0), axis=1)
        places = np.sort(order[:, : plan.tokens], axis=1)
        local = np.take_along_axis(local, places[..., None], axis=1)
        blurred = None if blurred is None else np.take_along_axis(blurred, places[..., None], axis=1)
        shares = np.take_along_axis(shares, places, axis=1)
        keep = torch.from_numpy(places)
    return ViewBatch(
        local=torch.from_numpy(local),
        blurred=None if blurred is None else torch.from_numpy(blurred),
        inside=torch.from_numpy(shares > 0),
        shares=torch.from_numpy(shares),
        keep=keep,
        shape=labels[:, 0],
        colour=labels[:, 1],
        size=labels[:, 2],
        shade=labels[:, 3],
        pose=labels[:, 4],
        scene=labels[:, 5],
        scale=torch.tensor(rows.scale[:count]),
        outline=torch.from_numpy(np.stack(rows.outline[:count])),
    )


def _draw_scene(rows: _Rows, scene: RamScene, number: int, plan: ViewPlan, rng: random.Random) -> None:
    image = relight(scene.image, rng) if rng.random() < 0.5 else scene.image
    background = cv2.GaussianBlur(image, (BLUR_KERNEL, BLUR_KERNEL), 0) if plan.blurred else None
    mirrored = rng.random() < 0.5
    items: list[tuple[Mask, tuple[int, int, int, int, int], float]] = []
    for (instance, *attributes), scale in zip(scene.objects, scene.scales):
        mask = scene.instances == instance
        if mask.any():
            seen = imperfect(mask, rng) if rng.random() < plan.imperfect else mask
            items.append((seen, tuple(attributes), scale))
    for _ in range(int(plan.junk + rng.random())):
        wrong = junk(scene.instances, rng)
        if wrong is not None:
            items.append((wrong, (UNKNOWN,) * 5, 0.0))
    for mask, (shape, colour, size, shade, pose), scale in items:
        window: Window
        if rng.random() < plan.zoomed:
            window, size = object_window(mask, rng.uniform(*plan.span), rng), UNKNOWN
        elif plan.shifted and not plan.blurred:
            window = shifted_frame(mask, rng)
        else:
            window = whole_frame(mask, mirrored)
        rows.local.append(patches(look(local_picture(image, mask), window)))
        rows.shares.append(token_shares(mask, window))
        rows.outline.append(outline(mask, window))
        rows.scale.append(scale)
        rows.labels.append((shape, colour, size, shade, pose, number))
        if background is not None:
            rows.blurred.append(patches(look(blurred_picture(image, mask, background), window)))


def draw_frames(pool: ScenePool, count: int, slots: int, rng: random.Random, zoom: float = 0.5) -> FrameBatch:
    """A batch of whole frames, a share ``zoom`` of them cut closer round an object (windows inside the frame)."""
    views, shares = [], np.zeros((count, slots, GRID * GRID), np.float32)
    shape = torch.full((count, slots), UNKNOWN)
    colour = torch.full((count, slots), UNKNOWN)
    for row in range(count):
        scene = rng.choice(pool.scenes)
        image = relight(scene.image, rng) if rng.random() < 0.5 else scene.image
        height, width = scene.instances.shape
        scale = rng.uniform(0.5, 0.9) if rng.random() < zoom else 1.0
        wide, high = round(width * scale), round(height * scale)
        x, y = rng.randint(0, width - wide), rng.randint(0, height - high)
        window = Window(x, y, wide, high, rng.random() < 0.5)
        views.append(patches(look(image, window)))
        for slot, (instance, a_shape, a_colour, *_) in enumerate(scene.objects[:slots]):
            shares[row, slot] = token_shares(scene.instances == instance, window).reshape(-1)
            if shares[row, slot].sum() >= 2:
                shape[row, slot], colour[row, slot] = a_shape, a_colour
    return FrameBatch(torch.from_numpy(np.stack(views)), torch.from_numpy(shares), shape, colour)
