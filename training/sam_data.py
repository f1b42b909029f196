"""Training batches for the small SAM: crops of tabletop scenes, object masks and points to prompt with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from segment_anything.utils.transforms import ResizeLongestSide

from hybridgl_ros.models.embedded_sam import EMBEDDED_SIZES
from hybridgl_ros.tabletop.dataset import TabletopScene, TabletopSet

NEAR_RADIUS = 22
"""A point this close to an object (pixels of the 256-pixel frame) is asked for that object."""

_MASK_STRIDE = 2
_MINIMUM_VISIBLE = 60
_INSIDE_SHARE, _NEAR_SHARE = 0.5, 0.2


@dataclass(frozen=True)
class SamExample:
    """One scene in the model's frame.

    ``image`` is h×w×3 uint8 (longest side 256), ``instances`` H×W uint8 in the camera's frame, ``targets``
    h×w uint8: the instance each point is asked for, 0 where a point should find nothing, ``inside`` h×w bool.
    """

    image: NDArray[np.uint8]
    instances: NDArray[np.uint8]
    targets: NDArray[np.uint8]
    inside: NDArray[np.bool_]


@dataclass(frozen=True)
class SamBatch:
    """Tensors of one training step; B crops of s×s pixels, P points each, K object masks (zero where fewer).

    ``pixels`` B×3×s×s float (0..255), ``valid`` B×1×s×s float (0 in the padding), ``origins`` B×2 long (row
    and column of the crop, in tokens), ``points`` B×P×2 (x, y in pixels of the whole frame), ``targets`` B×P
    long (index into K, −1 for none), ``masks`` B×K×s/2×s/2 coverage in 0..1.
    """

    pixels: torch.Tensor
    valid: torch.Tensor
    origins: torch.Tensor
    points: torch.Tensor
    targets: torch.Tensor
    masks: torch.Tensor


def prepare_example(scene: TabletopScene) -> SamExample:
    """Resize a scene as SamPredictor does and find, for each pixel, the object a point there is asked for."""
    image = ResizeLongestSide(EMBEDDED_SIZES.image).apply_image(scene.image)
    height, width = image.shape[:2]
    instances = cv2.resize(scene.instances, (width, height), interpolation=cv2.INTER_NEAREST)
    background = (instances == 0).astype(np.uint8)
    distance, label = cv2.distanceTransformWithLabels(
        background, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    instance_of_label = np.zeros(int(label.max()) + 1, np.uint8)
    instance_of_label[label[background == 0]] = instances[background == 0]
    targets = np.where(distance <= NEAR_RADIUS, instance_of_label[label], 0).astype(np.uint8)
    return SamExample(image, scene.instances, targets, instances > 0)


class ExamplePool:
    """The training scenes in memory; ``rescan`` adds shards that appeared in the folder since."""

    def __init__(self, folder: Path, pattern: str = "*.zip") -> None:
        self._folder = folder
        self._pattern = pattern
        self._seen: set[Path] = set()
        self.examples: list[SamExample] = []

    def rescan(self, limit: int | None = None) -> int:
        """Load up to ``limit`` new shards; returns the number of scenes now held."""
        new = sorted(path for path in self._folder.glob(self._pattern) if path not in self._seen)
        for path in new[:limit]:
            self.examples.extend(prepare_example(scene) for scene in TabletopSet(path))
            self._seen.add(path)
        return len(self.examples)


def make_batch(
    examples: Sequence[SamExample], rng: np.random.Generator, *, batch: int, side: int, points: int
) -> SamBatch:
    """Draw ``batch`` random patch-aligned crops of ``side`` pixels with ``points`` prompts each.

    ``side`` equal to the model's input gives full frames, padded below as ``Sam.preprocess`` pads them.
    """
    drawn = [_draw(examples[index], rng, side, points) for index in rng.integers(len(examples), size=batch)]
    most = max(len(item[4]) for item in drawn)
    masks = np.zeros((batch, max(most, 1), side // _MASK_STRIDE, side // _MASK_STRIDE), np.float32)
    for row, item in enumerate(drawn):
        masks[row, : len(item[4])] = item[4]
    pixels = np.stack([item[0] for item in drawn]).transpose(0, 3, 1, 2)
    return SamBatch(
        pixels=torch.from_numpy(np.ascontiguousarray(pixels, np.float32)),
        valid=torch.from_numpy(np.stack([item[1] for item in drawn])[:, None].astype(np.float32)),
        origins=torch.from_numpy(np.stack([item[2] for item in drawn])),
        points=torch.from_numpy(np.stack([item[3][0] for item in drawn])),
        targets=torch.from_numpy(np.stack([item[3][1] for item in drawn])),
        masks=torch.from_numpy(masks),
    )


def _draw(example: SamExample, rng: np.random.Generator, side: int, points: int) -> tuple:
    image, targets, inside = example.image, example.targets, example.inside
    masks = _coverage(example)
    if rng.random() < 0.5:
        image, targets, inside = image[:, ::-1], targets[:, ::-1], inside[:, ::-1]
        masks = masks[:, :, ::-1]
    image = _recolour(image, rng)
    patch = EMBEDDED_SIZES.patch
    rows, columns = (max(length - side, 0) // patch for length in image.shape[:2])
    origin = np.array([rng.integers(rows + 1), rng.integers(columns + 1)], np.int64)
    top, left = origin * patch
    image, targets, inside = (_crop(array, int(top), int(left), side) for array in (image, targets, inside))
    valid = np.zeros((side, side), bool)
    valid[: example.image.shape[0] - top, : example.image.shape[1] - left] = True
    corner, half = origin * patch // _MASK_STRIDE, side // _MASK_STRIDE
    masks = np.stack([_crop(mask, int(corner[0]), int(corner[1]), half) for mask in masks])
    visible = masks.sum(axis=(1, 2)) * _MASK_STRIDE**2 >= _MINIMUM_VISIBLE
    index = np.full(len(masks) + 1, -2, np.int64)
    index[0] = -1
    index[1:][visible] = np.arange(int(visible.sum()))
    prompts = _draw_points(index[targets], inside, valid, rng, points)
    prompts[0][...] += (left, top)
    return image, valid, origin, prompts, masks[visible]


def _coverage(example: SamExample) -> NDArray[np.float32]:
    """Share of each mask cell (stride 2) that an instance covers; K×h/2×w/2, row i is instance i + 1."""
    height, width = example.image.shape[:2]
    size = (width // _MASK_STRIDE, height // _MASK_STRIDE)
    count = int(example.instances.max())
    masks = [
        cv2.resize((example.instances == instance).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for instance in range(1, count + 1)
    ]
    return np.stack(masks) if masks else np.zeros((1, size[1], size[0]), np.float32)


def _crop(array: NDArray, top: int, left: int, side: int) -> NDArray:
    part = array[top : top + side, left : left + side]
    padding = [(0, side - part.shape[0]), (0, side - part.shape[1])] + [(0, 0)] * (array.ndim - 2)
    return np.pad(part, padding)


def _recolour(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Random gain, offset, tint and (seldom) swapped channels."""
    tint = rng.uniform(0.75, 1.25) * rng.uniform(0.92, 1.08, size=3)
    recoloured = image.astype(np.float32) * tint.astype(np.float32) + np.float32(rng.uniform(-20, 20))
    if rng.random() < 0.15:
        recoloured = recoloured[..., rng.permutation(3)]
    return np.clip(recoloured, 0, 255)


def _draw_points(
    index: NDArray[np.int64],
    inside: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    rng: np.random.Generator,
    count: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Points (count×2, x and y within the crop) and what they are asked for; objects are drawn evenly."""
    wanted = [index_value for index_value in np.unique(index) if index_value >= 0]
    regions = {
        "inside": [np.flatnonzero((index == value) & inside) for value in wanted],
        "near": [np.flatnonzero((index == value) & ~inside) for value in wanted],
        "far": [np.flatnonzero((index == -1) & valid)],
    }
    kinds = rng.choice(
        ["inside", "near", "far"], size=count, p=[_INSIDE_SHARE, _NEAR_SHARE, 1 - _INSIDE_SHARE - _NEAR_SHARE]
    )
    anything = np.flatnonzero((index >= -1) & valid)
    chosen = np.empty(count, np.int64)
    for position, kind in enumerate(kinds):
        filled = [region for region in regions[kind] if len(region)]
        region = filled[rng.integers(len(filled))] if filled else anything
        chosen[position] = region[rng.integers(len(region))] if len(region) else 0
    rows, columns = np.divmod(chosen, index.shape[1])
    return np.stack([columns, rows], axis=1).astype(np.float32), np.maximum(index.flat[chosen], -1)
