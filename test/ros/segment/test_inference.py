"""The thread that cameras share: turns among them, and nothing of one hurts another."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from dataclasses import dataclass

import numpy as np
import pytest

from hybridgl_ros.config import load_config, replace
from hybridgl_ros.errors import OutOfMemoryError
from hybridgl_ros.ros.segment.engine import ModelState
from hybridgl_ros.ros.segment.inference import Inference
from hybridgl_ros.ros.segment.worker import Frame, InferenceWorker

PATIENCE = 60.0


@pytest.fixture
def inference() -> Inference:
    return Inference(lambda config: Echo())


class Held:
    """Work that lasts until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.go_on.wait(PATIENCE)


def test_owners_take_turns(inference: Inference) -> None:
    held, order = Held(), []
    inference.hand_in("front", held)
    assert held.begun.wait(PATIENCE)
    for owner in ("front", "front", "front", "wrist", "back", "wrist"):
        last = inference.hand_in(owner, lambda owner=owner: order.append(owner))
    inference.hand_in("front", lambda: None)
    held.go_on.set()
    last.result(PATIENCE)
    inference.hand_in("end", lambda: None).result(PATIENCE)
    assert order == ["front", "wrist", "back", "front", "wrist", "front"]


def test_failed_and_cancelled_work_leaves_the_thread_good(inference: Inference) -> None:
    def fail() -> None:
        raise KeyError("defect")

    held, done = Held(), []
    inference.hand_in("front", held)
    assert held.begun.wait(PATIENCE)
    cancelled = inference.hand_in("front", lambda: done.append("cancelled"))
    failed = inference.hand_in("front", fail)
    assert cancelled.cancel()
    held.go_on.set()
    with pytest.raises(KeyError):
        failed.result(PATIENCE)
    inference.hand_in("wrist", lambda: done.append("good")).result(PATIENCE)
    assert done == ["good"]


@dataclass(frozen=True)
class Said:
    """What Echo answers: how bright the picture is, and under which settings."""

    brightness: float
    alpha: float
    batch: int
    notes: tuple[str, ...] = ()
    objects: tuple = ()


class Echo:
    """Answers with the picture's brightness and its own settings; memory runs out for as many tries as are given."""

    def __init__(self, config=None, too_many: list[Exception] | None = None) -> None:
        self.config = config
        self.too_many = [] if too_many is None else too_many

    def with_config(self, config) -> Echo:
        return Echo(config, self.too_many)

    def complete(self) -> None:
        pass

    def encode(self, image: np.ndarray, *, progress) -> np.ndarray:
        if image.mean() > 100 and self.too_many:
            raise self.too_many.pop()
        return image

    def refer(self, scene: np.ndarray, expression: str, progress) -> Said:
        return Said(float(scene.mean()), self.config.fusion.alpha, self.config.features.batch_size)


class Cameras:
    """Workers of one process."""

    def __init__(self) -> None:
        self.loaded = 0
        self.too_many: list[Exception] = []
        self.defects: list[Exception] = []
        self.inference = Inference(self.load)
        self.workers: list[InferenceWorker] = []

    def load(self, config) -> Echo:
        self.loaded += 1
        return Echo(too_many=self.too_many)

    def add(self, **settings) -> InferenceWorker:
        config = replace(load_config("embedded"), settings)
        worker = InferenceWorker(self.inference, config, report=self.defects.append, limit=4, cache_capacity=2)
        worker.load().result(PATIENCE)
        self.workers.append(worker)
        return worker


@pytest.fixture
def cameras():
    made = Cameras()
    yield made
    for worker in made.workers:
        worker.close()


def answer(worker: InferenceWorker, brightness: int):
    pixels = np.full((2, 3, 3), brightness, np.uint8)
    return worker.submit("cup", lambda: Frame("header", lambda: pixels)).result(PATIENCE)


def test_one_set_of_models_answers_each_camera_under_its_settings(cameras: Cameras) -> None:
    front, wrist = cameras.add(**{"fusion.alpha": 0.25}), cameras.add(**{"fusion.alpha": 0.75})
    for _ in range(2):
        said = [answer(worker, value).answer for worker, value in ((front, 1), (wrist, 2))]
        assert [(one.brightness, one.alpha) for one in said] == [(1.0, 0.25), (2.0, 0.75)]
    assert cameras.loaded == 1
    assert (front.cached, wrist.cached) == (1, 1)


def test_a_camera_that_drops_its_models_leaves_the_others_theirs(cameras: Cameras) -> None:
    front, wrist = cameras.add(), cameras.add()
    answer(wrist, 2)
    front.unload().result(PATIENCE)
    assert (front.state, wrist.state, wrist.cached) == (ModelState.NONE, ModelState.READY, 1)
    assert "no models" in answer(front, 1).problem
    assert answer(wrist, 2).answer is not None
    wrist.unload().result(PATIENCE)
    front.load().result(PATIENCE)
    assert cameras.loaded == 2
    assert answer(front, 1).answer is not None


def test_memory_that_runs_out_for_one_camera_costs_the_other_nothing(cameras: Cameras) -> None:
    front, wrist = (
        cameras.add(**dict.fromkeys(["features.batch_size", "proposals.points_per_batch"], 8)) for _ in "fw"
    )
    assert answer(wrist, 2).answer.batch == 8
    cameras.too_many += [OutOfMemoryError("no room")] * 2
    assert answer(front, 200).answer.batch == 2
    assert front.economy and not wrist.economy
    assert wrist.cached == 1
    assert answer(wrist, 3).answer.batch == 8


def test_an_ending_camera_takes_only_its_own_requests_along(cameras: Cameras) -> None:
    front, wrist = cameras.add(), cameras.add()
    held = Held()
    cameras.inference.hand_in("held", held)
    assert held.begun.wait(PATIENCE)
    pixels = np.zeros((2, 3, 3), np.uint8)
    lost, kept = (worker.submit("cup", lambda: Frame("h", lambda: pixels)) for worker in (front, wrist))
    loading = front.load()
    front.close(0.01)
    for promise in (lost, loading):
        with pytest.raises(CancelledError):
            promise.result(PATIENCE)
    held.go_on.set()
    assert kept.result(PATIENCE).answer is not None
