"""Candidates and maps as parts of a page."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

COLOURS = "inferno"
GROUND = 0.35
"""How bright the picture stays under a map."""
STRENGTH = 0.85
"""How opaque a map is where its value is 1."""
SMOOTHING = 1200.0
"""Outlines are simplified by the picture's longer side over this."""
THUMBNAIL = 72
MARGIN = 0.15
"""Surroundings of a thumbnail, as a share of its box."""


def outline_path(mask: np.ndarray) -> str:
    """The borders of an H×W bool mask as the `d` of an SVG path, in pixels."""
    borders, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    slack = max(mask.shape) / SMOOTHING
    smooth = [cv2.approxPolyDP(border, slack, closed=True)[:, 0] for border in borders]
    return " ".join("M" + "L".join(f"{x + 0.5:g} {y + 0.5:g}" for x, y in border) + "Z" for border in smooth)


def label_places(masks: Sequence[np.ndarray], radius: float) -> list[tuple[float, float]]:
    """A point (x, y) well inside each H×W bool mask (none empty), apart from those before where there is room."""
    taken = np.zeros(masks[0].shape, np.uint8) if masks else np.zeros((0, 0), np.uint8)
    places = []
    for mask in masks:
        free = mask & (taken == 0)
        distance = cv2.distanceTransform(np.pad(free if free.any() else mask, 1).astype(np.uint8), cv2.DIST_L2, 5)
        y, x = (int(value) - 1 for value in np.unravel_index(int(distance.argmax()), distance.shape))
        cv2.circle(taken, (x, y), round(radius), 1, thickness=-1)
        places.append((x + 0.5, y + 0.5))
    return places


def object_map(masks: Sequence[np.ndarray], values: Sequence[float]) -> np.ndarray:
    """H×W float32: the largest value of the objects that cover a pixel, 0 where there is none (masks H×W bool)."""
    result = np.zeros(masks[0].shape, np.float32)
    for mask, value in zip(masks, values, strict=True):
        result[mask] = np.maximum(result[mask], np.nan_to_num(value))
    return result


def to_unit(values: np.ndarray) -> np.ndarray:
    """Values brought to 0 … 1; NaN becomes 0, and so does everything when all are the same."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if high <= low:
        return np.zeros(values.shape, np.float32)
    return np.nan_to_num((values - low) / (high - low), nan=0.0, posinf=1.0, neginf=0.0).astype(np.float32)


def draw_map(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """An H×W map of 0 … 1 over the grey, darkened picture; both pictures H×W×3 uint8 RGB."""
    import matplotlib  # nothing but this function needs it, and answers would wait for it

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None] * np.float32(GROUND)
    colours = 255 * matplotlib.colormaps[COLOURS](values)[..., :3].astype(np.float32)
    weight = STRENGTH * values[..., None]
    return (grey * (1 - weight) + colours * weight).round().astype(np.uint8)


def thumbnail(image: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """The picture around an XYWH box, h×w×3 uint8 RGB, no side longer than `THUMBNAIL`."""
    x, y, width, height = box
    margin = MARGIN * max(width, height) + 1
    left, top = max(0, int(x - margin)), max(0, int(y - margin))
    part = image[top : int(y + height + margin) + 1, left : int(x + width + margin) + 1]
    scale = THUMBNAIL / max(part.shape[:2])
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
