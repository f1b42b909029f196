"""Seconds and memory of every stage with the paper's network sizes (SAM ViT-H, CLIP ViT-B/16) on this machine's CPU.

    python benchmarks/paper_models.py [--threads 1] [--proposals 20] [--size 640 480] [--repeat 3]

The weights are random: that changes what SAM would propose, not how long the networks take. So SAM is timed up to its
raw masks for the 8×8 points, and the region features are those of given masks. Each stage runs in a process of its
own; its peak memory includes Python and the libraries.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import open_clip
import torch
from rich.console import Console
from rich.table import Table
from segment_anything import SamPredictor
from segment_anything.utils.amg import build_point_grid

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.fusion import region_features
from hybridgl_ros.clip.localisation import map_tokens
from hybridgl_ros.clip.text import TextEncoder
from hybridgl_ros.config import load_config
from hybridgl_ros.models.loading import SAM_BUILDERS, ClipModel, clip_config

CLIP = "ViT-B-16-quickgelu"
CONFIG = load_config("photo")

Stage = Callable[[np.ndarray, np.ndarray], Callable[[], object]]
"""(image H×W×3 uint8, masks N×H×W bool) → what is timed."""


def sam_image(image: np.ndarray, masks: np.ndarray) -> Callable[[], object]:
    predictor = SamPredictor(SAM_BUILDERS["vit_h"]().requires_grad_(False).eval())
    return lambda: predictor.set_image(image)


def sam_points(image: np.ndarray, masks: np.ndarray) -> Callable[[], object]:
    # The decoder is the same in all of SAM's sizes.
    predictor = SamPredictor(SAM_BUILDERS["vit_b"]().requires_grad_(False).eval())
    predictor.set_image(image)
    grid = build_point_grid(CONFIG.proposals.points_per_side) * image.shape[1::-1]
    points = torch.from_numpy(predictor.transform.apply_coords(grid, image.shape[:2]))[:, None]
    labels = torch.ones(len(points), 1, dtype=torch.int)
    return lambda: predictor.predict_torch(points, labels, multimask_output=True, return_logits=True)


def features(image: np.ndarray, masks: np.ndarray) -> Callable[[], object]:
    clip = random_clip()
    return lambda: region_features(clip, image, masks, CONFIG.features)


def localisation(image: np.ndarray, masks: np.ndarray) -> Callable[[], object]:
    clip, settings = random_clip(), CONFIG.guidance
    return lambda: map_tokens(clip, image, settings.map_size, settings.map_blocks)


def text(image: np.ndarray, masks: np.ndarray) -> Callable[[], object]:
    clip = random_clip()
    # A new encoder each time: it remembers texts.
    return lambda: TextEncoder(clip).encode(["the dog on the left", "the dog", "a photo of a dog."])


STAGES: dict[str, Stage] = {
    "SAM ViT-H, image": sam_image,
    "SAM, 64 points": sam_points,
    "region features": features,
    "map tokens": localisation,
    "texts of one expression": text,
}


def random_clip() -> ClipEncoder:
    return ClipEncoder(ClipModel.of(open_clip.CLIP(**clip_config(CLIP))))


def measure(name: str, options: argparse.Namespace) -> tuple[float, float]:
    """Median seconds and peak memory (GB) of a stage, in a process that does nothing else."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    width, height = options.size
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    masks = np.zeros((options.proposals, height, width), bool)
    for number, mask in enumerate(masks):
        left = number * (width // 2) // options.proposals
        mask[height // 4 : 3 * height // 4, left : left + width // 4] = True
    with torch.inference_mode():
        run = STAGES[name](image, masks)
        seconds = []
        for _ in range(options.repeat):
            started = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--proposals", type=int, default=20)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    width, height = options.size
    title = f"{width}×{height}, {options.proposals} proposals, {options.threads} CPU threads, float32"
    table = Table("stage", "seconds", "peak memory, GB", title=title)
    for name in STAGES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, memory = pool.apply(measure, (name, options))
        table.add_row(name, f"{seconds:.2f}", f"{memory:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
