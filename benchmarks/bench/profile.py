"""Where the time of a frame goes with networks of the paper's sizes (SAM ViT-H, CLIP ViT-B/16) and seeded weights.

    python -m benchmarks.bench.profile [--device cpu] [--threads 0] [--repeat 3] [--output build/profile.json]

Weights are random: that changes what SAM would propose, not how long the networks take. Operations are those of matrix
products, convolutions and attention, counted by torch; the machine's rate is that of a 2048² matrix product. Each stage
runs in a process of its own; its peak memory is what it takes above the loaded models.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from hybridgl_ros.clip.fusion import region_features
from hybridgl_ros.clip.localisation import map_tokens
from hybridgl_ros.clip.text import TextEncoder
from hybridgl_ros.config import load_config
from hybridgl_ros.proposals.decoder import decode_points
from hybridgl_ros.proposals.encoder import embed_by_vit

from .processes import peak_memory
from .proposals import noise, seeded
from .rows import interleaved, matrix_rate
from .scenes import PROPOSALS, clip_b16, scene

SIZE = 640, 480
POINTS = 64
CONFIG = load_config("photo", preset="paper")


def sam_image(device: str) -> Callable[[], object]:
    encoder, pixels = seeded("vit_h", device).image_encoder, noise(device)
    return lambda: embed_by_vit(encoder, pixels)


def sam_points(device: str) -> Callable[[], object]:
    # The decoder is the same in all of SAM's sizes.
    sam = seeded("vit_b", device)
    features = torch.randn(1, 256, 64, 64, device=device)
    points = torch.rand(POINTS, 2, dtype=torch.float64, device=device) * 1024
    return lambda: list(decode_points(sam, (features,), points, 0.0))


def features(device: str) -> Callable[[], object]:
    image, masks = scene(*SIZE)
    clip = clip_b16(device)
    return lambda: region_features(clip, image, masks, CONFIG.features)


def localisation(device: str) -> Callable[[], object]:
    image, _ = scene(*SIZE)
    clip, settings = clip_b16(device), CONFIG.guidance
    return lambda: map_tokens(clip, image, settings.map_size, settings.map_blocks)


def text(device: str) -> Callable[[], object]:
    clip = clip_b16(device)
    # A new encoder each time: it remembers texts.
    return lambda: TextEncoder(clip).encode(["the dog on the left", "the dog", "a photo of a dog."])


STAGES: dict[str, Callable[[str], Callable[[], object]]] = {
    "SAM ViT-H, image": sam_image,
    f"SAM, {POINTS} points, all masks": sam_points,
    f"region features, {PROPOSALS} masks": features,
    "map tokens": localisation,
    "texts of one expression": text,
}


def measure(name: str, device: str, threads: int, repeat: int) -> dict[str, Any]:
    """Median seconds, operations, rate and peak memory of a stage, in a process that does nothing else."""
    if threads:
        torch.set_num_threads(threads)
    with torch.no_grad():
        run = STAGES[name](device)
        rate = matrix_rate(device, size=4096 if device.startswith("cuda") else 2048)
        memory = peak_memory(run, device)
        taken = interleaved({"": run}, repeat, device)[""]
        with FlopCounterMode(display=False) as counter:
            run()
    work = counter.get_total_flops()
    return {
        "stage": name,
        "seconds": round(taken, 3),
        "GFLOP": round(work / 1e9, 1),
        "GFLOP/s": round(work / taken / 1e9, 1),
        "share of the machine's rate": round(work / taken / rate, 3),
        "peak memory, MB": round(memory / 1e6),
        "threads": torch.get_num_threads(),
        "machine GFLOP/s": round(rate / 1e9, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch likes")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("build/profile.json"))
    options = parser.parse_args()
    found = []
    for name in STAGES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found.append(pool.apply(measure, (name, options.device, options.threads, options.repeat)))
        print(found[-1], flush=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    table = Table(*found[0])
    for row in found:
        table.add_row(*map(str, row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
