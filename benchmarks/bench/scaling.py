"""Time and peak memory against the number of masks, of expressions, and the picture's size, as plots.

    python -m benchmarks.bench.scaling [--output docs/performance] [--quick]

Masks and expressions with CLIP ViT-B/16 of seeded weights at 640×480; pictures with the embedded models, which cost the
same for every picture but for what is proportional to its pixels. Every point is a process of its own; its memory is
what it takes above the loaded models.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import torch
from matplotlib.figure import Figure

from hybridgl_ros.clip.fusion import region_features
from hybridgl_ros.config import load_config
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path

from .expressions import forget, make_scene, make_segmenter
from .processes import peak_memory
from .rows import interleaved
from .scenes import clip_b16, expressions, scene

POINTS: dict[str, tuple[int, ...]] = {
    "masks": (10, 20, 30, 60, 90, 120),
    "expressions": (1, 2, 4, 8, 16, 32, 64),
    "pixels": (320, 640, 1280, 1920, 2560, 4000),
}
"""Pixels: widths of pictures of 4 : 3."""


def masks(count: int) -> Callable[[], object]:
    image, some = scene(640, 480, count)
    clip, settings = clip_b16(), load_config("photo").features
    return lambda: region_features(clip, image, some, settings)


def several(count: int) -> Callable[[], object]:
    clip = clip_b16()
    segmenter, encoded, asked = make_segmenter(clip, "robot"), make_scene(clip, *scene(640, 480)), expressions(count)

    def run() -> None:
        forget(segmenter)
        segmenter.refer(encoded, asked)

    return run


def pixels(width: int) -> Callable[[], object]:
    segmenter = ReferringSegmenter.from_config("embedded")
    image = cv2.resize(TabletopSet(heldout_path())[0].image, (width, width * 3 // 4), interpolation=cv2.INTER_CUBIC)
    return lambda: segmenter.encode(image)


AXES: dict[str, Callable[[int], Callable[[], object]]] = {"masks": masks, "expressions": several, "pixels": pixels}


def measure(axis: str, count: int, repeat: int) -> dict[str, Any]:
    with torch.inference_mode():
        run = AXES[axis](count)
        memory = peak_memory(run, "cpu")
        seconds = interleaved({"": run}, repeat)[""]
    return {axis: count, "seconds": round(seconds, 4), "MB": round(memory / 1e6)}


def draw(found: dict[str, list[dict[str, Any]]], path: Path) -> None:
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots(2, len(found), sharex="col")
    for column, (axis, points) in enumerate(found.items()):
        places = [point[axis] ** 2 * 0.75e-6 if axis == "pixels" else point[axis] for point in points]
        for row, name in enumerate(("seconds", "MB")):
            axes[row, column].plot(places, [point[name] for point in points], "o-", color="#336699")
            axes[row, column].set_ylim(bottom=0)
            axes[row, column].grid(alpha=0.3)
        axes[1, column].set_xlabel("megapixels" if axis == "pixels" else axis)
    axes[0, 0].set_ylabel("seconds")
    axes[1, 0].set_ylabel("peak memory, MB")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("docs/performance"))
    parser.add_argument("--quick", action="store_true", help="two points of each, once")
    options = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {}
    for axis, counts in POINTS.items():
        found[axis] = []
        for count in counts[:2] if options.quick else counts:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found[axis].append(pool.apply(measure, (axis, count, 1 if options.quick else 3)))
            print(found[axis][-1], flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "scaling.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(found, options.output / "scaling.svg")


if __name__ == "__main__":
    main()
