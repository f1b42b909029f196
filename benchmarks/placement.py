"""How far the places of objects are from the truth, on the scenes of the tabletop.

python benchmarks/placement.py [--masks true|predicted] [--set validation|heldout] [--every N]

The truth is the middle of the object's own axis, without a mug's handle, whether it is seen or not. predicted: the
proposal that overlaps the true mask most, at an IoU of 0.5 or more; objects without such a one are counted apart, for
they are a fault of the proposals and not of the place.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np

from hybridgl_ros.config import load_config
from hybridgl_ros.errors import PlaceError
from hybridgl_ros.metric.placement import locate
from hybridgl_ros.tabletop.dataset import TabletopScene, TabletopSet, heldout_path, validation_path

SETS = {"validation": validation_path, "heldout": heldout_path}
LEAST_IOU = 0.5


def proposals(scene: TabletopScene, segmenter) -> np.ndarray:
    return segmenter.generator.generate(scene.image, segmenter.config.proposals).masks


def nearest(masks: np.ndarray, truth: np.ndarray) -> np.ndarray | None:
    """The mask with the largest IoU with the truth, None below LEAST_IOU."""
    overlaps = (masks & truth).sum((1, 2)) / (masks | truth).sum((1, 2))
    return masks[overlaps.argmax()] if len(overlaps) and overlaps.max() >= LEAST_IOU else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--masks", choices=("true", "predicted"), default="true")
    parser.add_argument("--set", choices=sorted(SETS), default="validation")
    parser.add_argument("--every", type=int, default=1, help="take every Nth scene")
    options = parser.parse_args()
    config = load_config("embedded")
    segmenter = None
    if options.masks == "predicted":
        from hybridgl_ros.segmenter import ReferringSegmenter

        segmenter = ReferringSegmenter.from_config("embedded")
    scenes = TabletopSet(SETS[options.set]())
    errors: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    missed = 0
    for index in range(0, len(scenes), options.every):
        scene = scenes[index]
        masks = proposals(scene, segmenter) if segmenter else None
        for truth in scene.objects:
            mask = scene.mask(truth.instance)
            mask = mask if masks is None else nearest(masks, mask)
            try:
                if mask is None:
                    raise PlaceError("not proposed")
                placement = locate(mask, scene.depth, scene.intrinsics, config.metric)
            except PlaceError:
                missed += 1
                continue
            real = np.array(truth.position)
            error = float(np.linalg.norm(placement.position - real))
            surface = float(np.linalg.norm(placement.cloud.points.mean(0) - real))
            row = error, error / float(np.linalg.norm(real)), surface
            errors["all"].append(row)
            errors[f"{truth.shape} {truth.pose or ''}".strip()].append(row)
    print(f"{options.set}, masks: {options.masks}; {missed} objects without a place")
    print("| object | n | median (mm) | p95 (mm) | median at 1 m (mm) | p95 at 1 m (mm) | mean of the surface (mm) |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in ["all", *sorted(set(errors) - {"all"})]:
        rows = 1000 * np.array(errors[name])
        values = [*np.quantile(rows[:, 0], (0.5, 0.95)), *np.quantile(rows[:, 1], (0.5, 0.95)), np.median(rows[:, 2])]
        print(f"| {name} | {len(rows)} | " + " | ".join(f"{value:.1f}" for value in values) + " |")


if __name__ == "__main__":
    main()
