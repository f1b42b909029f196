"""Evaluates a small tabletop set with fixed proposals and a random CLIP; a module of fakes, and a script to kill.

python fake_evaluation.py SET OUT [--workers N] [--delay SECONDS] [--die FILE]
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import open_clip
import torch

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.config import load_config
from hybridgl_ros.evaluation.datasets.tabletop import TabletopDataset
from hybridgl_ros.evaluation.evaluator import Loader
from hybridgl_ros.evaluation.plan import ablation_runs
from hybridgl_ros.evaluation.results import summary_lines, write_results, write_summary
from hybridgl_ros.evaluation.runner import Job, evaluate_here, run_job
from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.language.pipeline import load_pipeline
from hybridgl_ros.language.rules import load_rules
from hybridgl_ros.models.loading import ClipModel
from hybridgl_ros.proposals import proposals_from_masks
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.settings import Config
from hybridgl_ros.types import Proposals


class FixedBoxes:
    """Proposes five boxes in every image. calls: how often it was asked. delay: seconds it takes."""

    def __init__(self, delay: float = 0.0) -> None:
        self.calls = 0
        self.delay = delay

    def generate(self, image: np.ndarray, settings: object, progress: object = None) -> Proposals:
        self.calls += 1
        time.sleep(self.delay)
        masks = np.zeros((5, *image.shape[:2]), bool)
        for mask, (y, x, h, w) in zip(
            masks, [(4, 4, 16, 16), (8, 30, 32, 20), (42, 2, 4, 10), (0, 0, 30, 60), (20, 20, 10, 10)]
        ):
            mask[y : y + h, x : x + w] = True
        return proposals_from_masks(masks)


class DiesOnce(FixedBoxes):
    """Kills its process at the second image, the first time ever: leaves a file to know."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def generate(self, image: np.ndarray, settings: object, progress: object = None) -> Proposals:
        if self.calls == 1 and not self.file.exists():
            self.file.touch()
            os._exit(1)
        return super().generate(image, settings)


@lru_cache
def parser_of(rules: str) -> ExpressionParser:
    return ExpressionParser(load_pipeline(), load_rules(rules))


@lru_cache
def random_encoder() -> ClipEncoder:
    """A random CLIP of 12 blocks with 2×2 image tokens."""
    return ClipEncoder(
        random_clip_model({"image_size": 32, "layers": 12, "width": 16, "head_width": 8, "patch_size": 16})
    )


def random_clip_model(vision: dict[str, object]) -> ClipModel:
    """A seeded random CLIP with the given image tower."""
    torch.manual_seed(0)
    model = open_clip.CLIP(
        embed_dim=16,
        quick_gelu=True,
        vision_cfg=vision,
        text_cfg={"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    ).eval()
    return ClipModel.of(model)


def loader(generator: FixedBoxes) -> Loader:
    """Loads fakes in place of the models that a configuration names."""

    def load(config: Config) -> ReferringSegmenter:
        return ReferringSegmenter(config, generator, random_encoder(), parser_of(config.text.rules))

    return load


def make_job(zip_file: Path, generator: FixedBoxes, cache: Path | None = None, ablation: str = "table5") -> Job:
    """The rows of an ablation on a small set."""
    dataset = TabletopDataset(zip_file)
    runs = ablation_runs(load_config("embedded", preset="paper"), ablation, {})
    return Job({dataset.split: dataset}, runs, cache, load=loader(generator))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("set", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--die", type=Path)
    arguments = parser.parse_args()
    generator = FixedBoxes(arguments.delay) if arguments.die is None else DiesOnce(arguments.die)
    evaluate_all = evaluate_here
    if arguments.workers > 1:
        from hybridgl_ros.evaluation.ray_runner import on_ray

        evaluate_all = on_ray(arguments.workers)
    job = replace(make_job(arguments.set, generator), cache=arguments.out.parent / "cache")
    finished = run_job(job, arguments.out, evaluate_all=evaluate_all)
    write_results(finished, arguments.out)
    write_summary(summary_lines(finished), arguments.out)


if __name__ == "__main__":
    # Worker processes find the fakes by the module's name, which is not __main__ there.
    import fake_evaluation

    fake_evaluation.main()
