"""Scenes of plain discs on a textured ground, and answers to them, without any model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from hybridgl_ros.config import load_config
from hybridgl_ros.settings import TrackingSettings
from hybridgl_ros.types import Answer, Candidate, Parse, Proposals, Scene

HEIGHT, WIDTH, RADIUS = 120, 160, 12
KINDS = 6
SETTINGS: TrackingSettings = load_config("embedded").tracking


@dataclass(frozen=True)
class Disc:
    """A thing at (x, y) that looks as its kind does."""

    x: float
    y: float
    kind: int
    radius: float = RADIUS

    def moved(self, x: float, y: float) -> Disc:
        return replace(self, x=self.x + x, y=self.y + y)


def texture(height: int, width: int) -> np.ndarray:
    """Noise of several sizes, H×W uint8."""
    random = np.random.default_rng(0)
    total = np.zeros((height, width))
    for size in (4, 8, 16, 32):
        noise = random.uniform(-1, 1, (height // size + 2, width // size + 2))
        total += cv2.resize(noise, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)[:height, :width]
    return np.clip(128 + 40 * total, 0, 255).astype(np.uint8)


def ground(x: int = 0, y: int = 0) -> np.ndarray:
    """H×W×3 uint8: a texture that has moved by so many pixels."""
    moved = texture(HEIGHT + 80, WIDTH + 80)[40 - y :, 40 - x :][:HEIGHT, :WIDTH]
    return np.repeat(moved[..., None], 3, axis=2).copy()


def scene_of(discs: Sequence[Disc], image: np.ndarray | None = None, *, depth: bool = False) -> Scene:
    """A scene whose proposals are the discs, in their order, as far as they are in the picture."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    image = ground() if image is None else image.copy()
    masks, features = [], []
    for disc in discs:
        mask = np.hypot(columns - disc.x, rows - disc.y) <= disc.radius
        if mask.any():
            masks.append(mask)
            image[mask] = 30 + 35 * disc.kind
            features.append(np.eye(KINDS, dtype=np.float32)[disc.kind] + 0.3)
    count = len(masks)
    boxes = np.array([(0, 0, 1, 1)] * count, np.float32).reshape(count, 4)
    stacked = np.array(masks, bool).reshape(count, HEIGHT, WIDTH)
    proposals = Proposals(stacked, boxes, np.ones(count, np.float32), np.ones(count, np.float32))
    metres = np.full((HEIGHT, WIDTH), 0.5, np.float32) if depth else None
    intrinsics = np.array([[150.0, 0, 80], [0, 150, 60], [0, 0, 1]]) if depth else None
    vectors = torch.tensor(np.array(features, np.float32).reshape(count, KINDS))
    return Scene(image, proposals, vectors, None, (0, 0), depth=metres, intrinsics=intrinsics)


def answer_of(scene: Scene, scores: Sequence[float], threshold: float = 0.5, *, several: bool = False) -> Answer:
    """The answer of an expression that gives the scene's proposals these scores."""
    order = sorted(range(len(scene.proposals)), key=lambda i: -scores[i])
    candidates = tuple(
        Candidate(i, scene.proposals.masks[i], (0.0, 0.0, 1.0, 1.0), scores[i], scores[i], 1.0, scores[i], 0.0, 1.0)
        for i in order
    )
    found = [entry for entry in candidates if entry.score >= threshold]
    objects = tuple(found if several else found[:1])
    mask = np.zeros(scene.size, bool)
    for entry in objects:
        mask |= entry.mask
    best = max(scores, default=0.0)
    parse = Parse("the thing", "the thing", "the thing", "thing")
    reason = "" if objects else "there is none"
    return Answer(bool(objects), mask, best, best, 0.0, candidates, parse, objects=objects, reason=reason)
