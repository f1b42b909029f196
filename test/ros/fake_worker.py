"""A segmenter for the inference thread that is held by an event, and how it is asked."""

from __future__ import annotations

import threading

import numpy as np

from hybridgl_ros.ros.segment.worker import Frame, InferenceWorker

PATIENCE = 60.0


class Said(tuple):
    """What the fake answers with; it refers to no object."""

    objects = ()


class FakeSegmenter:
    """Encodes a picture to itself and answers with the configuration it has."""

    def __init__(self) -> None:
        self.encoded = 0
        self.lists: list[tuple[str, ...]] = []
        self.config = None
        self.asked = threading.Event()
        self.completed = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def with_config(self, config) -> FakeSegmenter:
        self.config = config
        return self

    def complete(self) -> None:
        self.completed.set()

    def encode(self, image: np.ndarray, *, progress, **depth: np.ndarray) -> np.ndarray:
        self.encoded += 1
        self.depth = depth
        return [image.copy()]

    def refer(self, scene, expression, progress):
        self.asked.set()
        if not isinstance(expression, str):
            self.lists.append(expression)
            return [self.refer(scene, one, progress) for one in expression]
        assert self.go_on.wait(PATIENCE)
        if expression == "defect":
            raise KeyError("defect")
        return Said((expression, float(scene[0].mean()), self.config.fusion.alpha))


def frame(value: int = 7) -> Frame:
    return Frame(f"header {value}", lambda: np.full((2, 3, 3), value, np.uint8))


def ask(worker: InferenceWorker, expression: str = "cup", value: int = 7):
    return worker.submit(expression, lambda: frame(value)).result(PATIENCE)
