"""Seeded models of true size, and scenes for them."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache

import numpy as np
import open_clip
import torch

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.models.loading import ClipModel, clip_config
from hybridgl_ros.models.precision import hold_in

PROPOSALS = 30
SHAPES = ("red mug", "blue ball", "small plate", "green bottle", "old chair", "white cup", "dog", "yellow cube")
PLACES = (
    "on the left",
    "left of the {}",
    "on the right",
    "above the {}",
    "in the middle",
    "below the {}",
    "",
    "inside the {}",
)


@lru_cache(maxsize=1)
def clip_b16(device: str = "cpu") -> ClipEncoder:
    """CLIP ViT-B/16 with seeded weights: numbers of a plausible size, and no download."""
    torch.manual_seed(0)
    model = open_clip.CLIP(**clip_config("ViT-B-16-quickgelu"))
    return ClipEncoder(ClipModel.of(model.to(device)))


def in_type(clip: ClipEncoder, dtype: torch.dtype) -> ClipEncoder:
    """The same CLIP with an image tower that multiplies in a type."""
    model = deepcopy(clip.model)
    hold_in(dtype, model.visual)
    return ClipEncoder(ClipModel.of(model))


def scene(width: int, height: int, count: int = PROPOSALS) -> tuple[np.ndarray, np.ndarray]:
    """A smooth random picture H×W×3 uint8 and N×H×W bool ellipses of many sizes."""
    generator = np.random.default_rng(0)
    coarse = torch.from_numpy(generator.random((1, 3, 24, 32), np.float32)) * 255
    image = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")[0].permute(1, 2, 0)
    rows, columns = np.linspace(0, 1, height, dtype=np.float32)[:, None], np.linspace(0, 1, width, dtype=np.float32)
    masks = np.empty((count, height, width), bool)
    for mask in masks:
        (x, y), (a, b) = generator.uniform(0.15, 0.85, 2), generator.uniform(0.04, 0.2, 2)
        np.less(((columns - x) / a) ** 2 + ((rows - y) / b) ** 2, 1, out=mask)
    return np.ascontiguousarray(image.numpy().astype(np.uint8)), masks


def expressions(count: int, seed: int = 0) -> list[str]:
    """Different expressions of two to eight words, at most some hundreds."""
    generator = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        thing, other, place = generator.choice(SHAPES), generator.choice(SHAPES), generator.choice(PLACES)
        found[f"the {thing} {place.format(other)}".strip()] = None
    return list(found)
