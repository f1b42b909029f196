"""What cheaper region features cost in answers: shortlists by rough features, and half precision.

    python benchmarks/feature_options.py [--scenes 40] [--expressions 8] [--presets paper robot] [--device cpu]

Takes validation scenes of the tabletop and the embedded models. Printed are the share of selections that are the same
as with all hybrid features, the mean number of proposals described, and how many times fewer these are.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from hybridgl_ros.cascade import answer_on_shortlist, described_in_part, rough_features
from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.fusion import region_features
from hybridgl_ros.models.loading import load_clip
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.tabletop.dataset import TabletopSet, validation_path
from hybridgl_ros.types import Answer, Scene

LENGTHS = (1, 2, 3, 4, 6, 8, 10, 15, 30)
TYPES = (torch.bfloat16, torch.float16)


class Measured:
    """Selections that are the same as with all features, and proposals described, by option."""

    def __init__(self) -> None:
        self.equal: dict[Hashable, list[bool]] = defaultdict(list)
        self.described: dict[Hashable, list[int]] = defaultdict(list)
        self.counts: list[int] = []


def measure(
    preset: str,
    scenes: int,
    expressions: int,
    lengths: Sequence[int] = LENGTHS,
    types: Sequence[torch.dtype] = TYPES,
    device: str = "cpu",
) -> Measured:
    """Every option on some validation scenes and some expressions of each."""
    segmenter = ReferringSegmenter.from_config("embedded", preset=preset, device=device)
    measured, tabletop = Measured(), TabletopSet(validation_path())
    clips = {dtype: ClipEncoder(load_clip(segmenter.config.models.clip, device, dtype)) for dtype in types}
    for number in np.linspace(0, len(tabletop) - 1, scenes).astype(int):
        shown = tabletop[int(number)]
        scene = segmenter.encode(shown.image)
        measured.counts.append(len(scene.proposals))
        mixed = {dtype: replace(scene, features=features_by(clip, segmenter, scene)) for dtype, clip in clips.items()}
        rough = rough_features(segmenter.clip, scene.image, scene.proposals.masks, segmenter.config.features)
        for expression in shown.expressions[:expressions]:
            wanted = selected(segmenter.refer(scene, expression.text))
            for dtype, other in mixed.items():
                measured.equal[dtype].append(selected(segmenter.refer(other, expression.text)) == wanted)
            for length in lengths:
                answer, described = on_shortlist(segmenter, scene, rough, expression.text, length)
                measured.equal[length].append(selected(answer) == wanted)
                measured.described[length].append(described)
    return measured


def on_shortlist(
    segmenter: ReferringSegmenter, scene: Scene, rough: Tensor, expression: str, length: int
) -> tuple[Answer, int]:
    """The answer of `features.shortlist`, and how many proposals it describes; these are known from the scene."""
    memory = {**scene.memory, described_in_part: dict(enumerate(scene.features))}
    described: list[int] = []

    def answer(some: Scene) -> Answer:
        described.append(int((some.features == scene.features).all(dim=1).sum()))
        return segmenter.refer(some, expression)

    found = answer_on_shortlist(replace(scene, features=rough, memory=memory), length, answer, not_asked)
    return found, described[-1]


def not_asked(image: np.ndarray, masks: np.ndarray) -> Tensor:
    raise AssertionError("all are known")


def selected(answer: Answer) -> tuple[int, ...]:
    """The referents' places among the proposals; empty when nothing was found."""
    return tuple(sorted(entry.index for entry in answer.objects)) if answer.found else ()


def show(preset: str, scenes: int, measured: Measured) -> None:
    count, mean = len(next(iter(measured.equal.values()))), float(np.mean(measured.counts))
    title = f"{preset}: {scenes} scenes, {count} expressions, {mean:.1f} proposals a scene"
    table = Table("shortlist or type", "equal selections", "proposals described", "fewer by", title=title)
    for option, equal in measured.equal.items():
        described = measured.described.get(option)
        name = str(option).removeprefix("torch.")
        if described is None:
            table.add_row(name, f"{np.mean(equal):.1%}", "all", "")
        else:
            fewer = f"{mean / np.mean(described):.1f}×"
            table.add_row(name, f"{np.mean(equal):.1%}", f"{np.mean(described):.1f}", fewer)
    Console(width=100).print(table)


def features_by(clip: ClipEncoder, segmenter: ReferringSegmenter, scene: Scene) -> Tensor:
    """The scene's region features by another CLIP."""
    return region_features(clip, scene.image, scene.proposals.masks, segmenter.config.features)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--expressions", type=int, default=8, help="of each scene")
    parser.add_argument("--presets", nargs="+", default=["paper", "robot"])
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    for preset in options.presets:
        show(preset, options.scenes, measure(preset, options.scenes, options.expressions, device=options.device))


if __name__ == "__main__":
    main()
