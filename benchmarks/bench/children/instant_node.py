"""segment_node over a segmenter that takes no time; answers a line when it is there, ends with its input."""

from __future__ import annotations

import sys
import threading
from functools import partial

import numpy as np

from hybridgl_ros.ros.common.executable import run
from hybridgl_ros.ros.segment.segment_node import SegmentNode
from hybridgl_ros.types import Answer, Candidate, Parse, Proposals, Scene


class InstantSegmenter:
    """Finds the same block in every picture."""

    def __init__(self, config) -> None:
        self.masks: dict[tuple[int, int], np.ndarray] = {}

    def with_config(self, config) -> InstantSegmenter:
        return self

    def complete(self) -> None:
        pass

    def encode(self, image: np.ndarray, **extras) -> Scene:
        size = image.shape[:2]
        if size not in self.masks:
            mask = np.zeros((1, *size), bool)
            mask[:, size[0] // 3 : size[0] // 2, size[1] // 3 : size[1] // 2] = True
            self.masks[size] = mask
        proposals = Proposals(self.masks[size], np.zeros((1, 4), np.float32), np.ones(1), np.ones(1))
        return Scene(image, proposals, features=None, map_tokens=None, map_grid=(0, 0))

    def refer(self, scene: Scene, expression: str, progress: object) -> Answer:
        mask = scene.proposals.masks[0]
        best = Candidate(0, mask, (0.0,) * 4, 1.0, 0.5, *[0.0] * 4)
        return Answer(True, mask, 1.0, 0.5, 0.25, (best,), Parse(expression, expression, expression, ""))


def answer_lines() -> None:
    for _ in sys.stdin:
        print("{}", flush=True)
    # The same way that a person would end it.
    import os
    import signal

    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    threading.Thread(target=answer_lines, daemon=True).start()
    arguments = ["--ros-args", "-r", "__ns:=/bench", "-p", "mode:=continuous"]
    sys.exit(run(partial(SegmentNode, InstantSegmenter), [sys.argv[0], *arguments]))
