"""segment_node with a segmenter that knows colours only: `red` names the reddest pixels.

Arguments: GATE (path) and then segment_node's. What waits, waits for the file GATE to exist:
the models while the file GATE.load exists, and any expression that says `wait`, which can be stopped, or
`stuck`, which cannot. GATE.loaded has a line for each time that models were loaded.
GATE.missing makes the loading fail as with missing weights; `explode` makes an answer fail with a defect.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from hybridgl_ros.errors import ExpressionError, WeightsError
from hybridgl_ros.progress import Progress
from hybridgl_ros.ros.segment.cameras import run_cameras
from hybridgl_ros.ros.segment.segment_node import SegmentNode
from hybridgl_ros.types import Answer, Candidate, Parse, Proposals, Scene

CHANNELS = ("red", "green", "blue")


class ColourSegmenter:
    def __init__(self, gate: Path, config) -> None:
        self.gate = gate
        self.config = config

    def with_config(self, config) -> ColourSegmenter:
        return ColourSegmenter(self.gate, config)

    def complete(self) -> None:
        pass

    def encode(self, image: np.ndarray, *, progress: Progress, depth=None, intrinsics=None) -> Scene:
        progress("proposals")
        masks = np.stack([image[..., channel] > 127 for channel in range(3)])
        proposals = Proposals(masks, np.zeros((3, 4), np.float32), np.ones(3), np.ones(3))
        return Scene(
            image, proposals, features=None, map_tokens=None, map_grid=(0, 0), depth=depth, intrinsics=intrinsics
        )

    def refer(self, scene: Scene, expression: str | Sequence[str], progress: Progress) -> Answer | list[Answer]:
        if not isinstance(expression, str):
            return [self.refer(scene, one, progress) for one in expression]
        progress("scoring")
        if not expression.strip():
            raise ExpressionError("blank")
        if "explode" in expression:
            raise ZeroDivisionError("exploded on purpose")
        if "wait" in expression:
            wait_for(self.gate, lambda: progress("scoring"))
        if "stuck" in expression:
            wait_for(self.gate)
        alpha = self.config.fusion.alpha
        named = [channel for channel, name in enumerate(CHANNELS) if name in expression]
        order = named + [channel for channel in range(3) if channel not in named]
        candidates = tuple(
            Candidate(channel, scene.proposals.masks[channel], (0.0,) * 4, alpha - 0.25 * rank, 0.5, *[0.0] * 4)
            for rank, channel in enumerate(order)
        )
        found = bool(named) and bool(candidates[0].mask.any())
        mask = candidates[0].mask if found else np.zeros(scene.size, bool)
        parse = Parse(expression, expression, expression, "", others=("table",), relation="left")
        return Answer(found, mask, alpha, 0.5, 0.25, candidates, parse, reason="" if found else "no colour named")


def wait_for(path: Path, check: Callable[[], None] = lambda: None) -> None:
    while not path.exists():
        check()
        time.sleep(0.02)


def load(gate: Path, config) -> ColourSegmenter:
    if gate.with_suffix(".load").exists():
        wait_for(gate)
    if gate.with_suffix(".missing").exists():
        raise WeightsError("sam_vit_h is missing, run: hybridgl download sam_vit_h")
    with gate.with_suffix(".loaded").open("a") as record:
        record.write("models\n")
    return ColourSegmenter(gate, config)


if __name__ == "__main__":
    make = partial(load, Path(sys.argv[1]))
    sys.exit(run_cameras(SegmentNode, make, [sys.argv[0], *sys.argv[2:]]))
