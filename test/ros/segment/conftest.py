"""An inference thread with a fake segmenter."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fake_worker import FakeSegmenter

from hybridgl_ros.config import load_config
from hybridgl_ros.ros.segment.inference import Inference
from hybridgl_ros.ros.segment.worker import InferenceWorker


@pytest.fixture
def segmenter() -> FakeSegmenter:
    return FakeSegmenter()


@pytest.fixture
def defects() -> list[Exception]:
    return []


@pytest.fixture
def make_worker(segmenter: FakeSegmenter, defects: list[Exception]) -> Iterator[Callable[..., InferenceWorker]]:
    made: list[InferenceWorker] = []

    def make(
        load: Callable = lambda config: segmenter, limit: int = 8, cache: int = 2, report: Callable = defects.append
    ) -> InferenceWorker:
        config = load_config("embedded")
        worker = InferenceWorker(Inference(load), config, report=report, limit=limit, cache_capacity=cache)
        worker.load()
        made.append(worker)
        return worker

    yield make
    segmenter.go_on.set()
    for worker in made:
        worker.close()
