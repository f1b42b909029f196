"""Row 6: region features only for the proposals that can still win."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from hybridgl_ros.cascade import described_in_part, rough_features
from hybridgl_ros.clip.fusion import region_features
from hybridgl_ros.proposals import proposals_from_masks
from hybridgl_ros.types import Scene

from ..feature_options import measure
from .expressions import make_segmenter
from .rows import Row, interleaved
from .scenes import PROPOSALS, clip_b16, expressions, scene

LENGTH = 2
# Expressions to one pass over all proposals: they differ in how many proposals they have described.
BURST = 6
LENGTHS = (1, 2, 3, 4, 6, 10, 30)


def rows(device: str = "cpu", quick: bool = False) -> Iterator[Row]:
    """The time of an expression on a new picture's masks, and selections on the tabletop by length; quick: fewer."""
    yield time_row(device, 1 if quick else 2)
    scenes = 10 if quick else 24
    robot, paper = (measure(preset, scenes, 6, LENGTHS, (), device) for preset in ("robot", "paper"))
    for length in LENGTHS:
        what = f"tabletop, validation: equal selections with a shortlist of {length}, preset robot"
        of, count = float(np.mean(robot.counts)), len(robot.equal[length])
        note = (
            f"{count} expressions, {np.mean(robot.described[length]):.1f} of {of:.1f} proposals described;"
            f" preset paper {np.mean(paper.equal[length]):.3f}, {np.mean(paper.described[length]):.1f} described"
        )
        yield Row.share(6, what, float(np.mean(robot.equal[length])), 0.99, note=note)


def time_row(device: str, rounds: int) -> Row:
    """Features of CLIP ViT-B/16 as one expression needs them, against those of all proposals."""
    clip, (image, masks) = clip_b16(device), scene(640, 480)
    segmenter = make_segmenter(clip, "robot", **{"features.shortlist": LENGTH})
    config, proposals, described = segmenter.config, proposals_from_masks(masks), []
    asked = iter(expressions(BURST * (rounds + 1)))

    def ours() -> None:
        features = rough_features(clip, image, masks, config.features)
        encoded = Scene(image, proposals, features, None, (0, 0))
        segmenter.refer(encoded, next(asked))
        described.append(len(encoded.memory[described_in_part]))

    def burst() -> None:
        for _ in range(BURST):
            ours()

    with torch.inference_mode():
        ways = {"ours": burst, "theirs": lambda: region_features(clip, image, masks, config.features)}
        seconds = interleaved(ways, rounds, device)
    what = f"features of {PROPOSALS} masks with a shortlist of {LENGTH}, the expression's answer included"
    times = seconds["ours"] / BURST, seconds["theirs"]
    note = f"{np.mean(described):.1f} masks described, mean of {BURST} expressions each"
    return Row.faster(6, what, "all proposals", times, 3, note=note)
