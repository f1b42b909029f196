"""What one frame shows of each object, on a grid that is small enough to compare them often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from hybridgl_ros.metric.pinhole import focal_length
from hybridgl_ros.types import Answer, Candidate, Scene

# The index of a candidate that is none of the frame's proposals.
NOT_PROPOSED = -1


@dataclass(frozen=True)
class Sighting:
    """One object in one frame.

    mask: h×w bool on the view's grid, never empty. centre: (2,) float64, x and y of its mean pixel. side: square root
    of its area in pixels. depth: median metres along the optical axis, NaN where unknown. focal: focal length in
    pixels of the grid, NaN where unknown. feature: (d,) float32 of unit length, None where there is none. others: mean
    cosine of the feature with those of the frame's other objects, 0 where there are none. score: the expression's, as
    a share of the frame's best, in [0, 1].
    """

    candidate: Candidate
    mask: np.ndarray
    centre: np.ndarray
    side: float
    depth: float
    focal: float
    feature: np.ndarray | None
    others: float
    score: float

    @property
    def metres(self) -> float:
        """The side in metres, NaN without depth."""
        return self.side * self.depth / self.focal

    def size_beside(self, other: Sighting) -> float:
        """Its side as a share of another's, in metres where both are known."""
        ratio = self.metres / other.metres
        return ratio if np.isfinite(ratio) else self.side / other.side


@dataclass(frozen=True)
class View:
    """A frame on the grid.

    grey: h×w uint8. depth: h×w metres, None where there is none. scale: grid pixels per pixel. focal: focal length in
    grid pixels, NaN where unknown. sightings: one a candidate that shows on the grid, in their order.
    """

    grey: np.ndarray
    depth: np.ndarray | None
    scale: float
    focal: float
    sightings: tuple[Sighting, ...]


def view_of(scene: Scene, answer: Answer, resolution: int) -> View:
    """The candidates of an answer as its frame shows them. resolution: longer side of the grid in pixels, at most."""
    grey, depth, scale = grid_of(scene, resolution)
    masks = [on_grid(entry.mask, grey.shape) for entry in answer.candidates]
    features = features_of(scene, answer)
    scores = shares(np.array([entry.score for entry in answer.candidates]))
    focal = np.nan if scene.intrinsics is None else focal_length(scene.intrinsics)
    sightings = []
    for number, (candidate, mask) in enumerate(zip(answer.candidates, masks, strict=True)):
        if not mask.any():
            continue
        rows, columns = np.nonzero(mask)
        feature = None if features is None else features[number]
        cosines = np.zeros(0) if features is None else np.delete(features @ features[number], number)
        sightings.append(
            Sighting(
                candidate=candidate,
                mask=mask,
                centre=np.array([columns.mean(), rows.mean()]),
                side=float(np.sqrt(len(rows))),
                depth=np.nan if depth is None else median(depth[mask]),
                focal=focal * scale,
                feature=feature,
                others=float(cosines.mean()) if len(cosines) else 0.0,
                score=float(scores[number]),
            )
        )
    return View(grey, depth, scale, focal * scale, tuple(sightings))


def grid_of(scene: Scene, resolution: int) -> tuple[np.ndarray, np.ndarray | None, float]:
    """Grey picture and depth on the grid, and grid pixels per pixel; made once a scene."""
    key: Any = (grid_of, resolution)
    if key not in scene.memory:
        height, width = scene.size
        scale = min(1.0, resolution / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        grey = cv2.resize(cv2.cvtColor(scene.image, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
        depth = None if scene.depth is None else cv2.resize(scene.depth, size, interpolation=cv2.INTER_NEAREST)
        scene.memory[key] = grey, depth, scale
    return scene.memory[key]


def on_grid(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An H×W bool mask on the grid."""
    if mask.shape == shape:
        return mask
    return cv2.resize(mask.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)


def features_of(scene: Scene, answer: Answer) -> np.ndarray | None:
    """N×d float32 of unit length, one a candidate; None where the scene has none."""
    if scene.features is None or not len(answer.candidates):
        return None
    chosen = scene.features[[entry.index for entry in answer.candidates]].float().cpu().numpy()
    return chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-12)


def shares(scores: np.ndarray) -> np.ndarray:
    """Scores as shares of the best one, 0 for what is not finite or not positive."""
    positive = np.where(np.isfinite(scores), scores, 0.0).clip(min=0.0)
    return positive / max(positive.max(initial=0.0), 1e-12)


def median(values: np.ndarray) -> float:
    """The median of what is known among them, NaN when nothing is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")
