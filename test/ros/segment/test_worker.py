"""What the inference thread answers, with a fake segmenter; threads are held by events, never by time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from fake_worker import PATIENCE, FakeSegmenter, ask, frame

from hybridgl_ros.config import load_config, replace
from hybridgl_ros.errors import ImageError, PlaceError, WeightsError
from hybridgl_ros.metric.registration import RegisteredDepth
from hybridgl_ros.ros.segment.worker import Frame, ModelState


def test_answer_comes_with_the_frames_header(make_worker) -> None:
    outcome = ask(make_worker())
    assert outcome.header == "header 7"
    assert outcome.answer == ("cup", 7.0, load_config("embedded").fusion.alpha)
    assert outcome.problem == ""
    assert outcome.latency > 0


def test_the_frame_is_chosen_when_the_turn_comes(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker()
    segmenter.go_on.clear()
    newest = [frame(1)]
    first = worker.submit("first", lambda: newest[-1])
    second = worker.submit("second", lambda: newest[-1])
    newest.append(frame(2))
    segmenter.go_on.set()
    assert first.result(PATIENCE).answer[0] == "first"
    assert second.result(PATIENCE).header == "header 2"


def test_a_picture_too_large_for_the_memory_is_a_problem_but_no_defect(
    make_worker, segmenter: FakeSegmenter, defects: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(image: np.ndarray, *, progress) -> None:
        raise ImageError("12000×9000 pixels want 83 GB, 4 GB are free")

    worker = make_worker()
    monkeypatch.setattr(segmenter, "encode", encode)
    outcome = ask(worker)
    assert (outcome.answer, outcome.problem) == (None, "12000×9000 pixels want 83 GB, 4 GB are free")
    assert defects == []
    monkeypatch.undo()
    assert ask(worker).answer is not None


def test_one_picture_is_encoded_once_within_the_capacity(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker(cache=2)
    for value in (1, 2, 1, 2):
        assert ask(worker, value=value).answer[1] == value
    assert segmenter.encoded == 2
    ask(worker, value=3)
    ask(worker, value=1)
    assert segmenter.encoded == 4
    assert worker.cached == 2


def test_no_scene_is_kept_without_capacity(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker(cache=0)
    ask(worker)
    ask(worker)
    assert (segmenter.encoded, worker.cached) == (2, 0)


def test_answer_settings_keep_the_scene_and_image_settings_do_not(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker()
    config = load_config("embedded")
    ask(worker)
    worker.configure(replace(config, {"fusion.alpha": 0.25}), 2)
    assert ask(worker).answer[2] == 0.25
    assert segmenter.encoded == 1
    worker.configure(replace(config, {"features.beta": 3.0}), 2)
    ask(worker)
    assert segmenter.encoded == 2


def test_several_are_answered_together_on_one_frame(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker(limit=1, cache=0)
    outcomes = worker.submit(("cup", "plate", "fork"), frame).result(PATIENCE)
    assert [outcome.expression for outcome in outcomes] == [outcome.answer[0] for outcome in outcomes]
    assert [outcome.expression for outcome in outcomes] == ["cup", "plate", "fork"]
    assert {outcome.header for outcome in outcomes} == {"header 7"}
    assert (segmenter.encoded, segmenter.lists) == (1, [("cup", "plate", "fork")])
    # The stages were gone through once, and are counted once.
    assert [bool(outcome.timings) for outcome in outcomes] == [True, False, False]


def test_what_fails_with_one_leaves_the_others(make_worker, defects: list[Exception]) -> None:
    outcomes = make_worker().submit(("cup", "defect", "fork"), frame).result(PATIENCE)
    assert [outcome.answer is None for outcome in outcomes] == [False, True, False]
    assert outcomes[1].problem == "KeyError: 'defect'"
    assert [repr(error) for error in defects] == ["KeyError('defect')"]


def test_what_concerns_all_is_told_of_each_and_reported_once(make_worker, defects: list[Exception]) -> None:
    def fail() -> Frame:
        raise KeyError("no frame")

    worker = make_worker()
    outcomes = worker.submit(("cup", "fork"), fail).result(PATIENCE)
    assert [outcome.problem for outcome in outcomes] == ["KeyError: 'no frame'"] * 2
    assert len(defects) == 1
    late = worker.submit(("cup", "fork"), frame, deadline=1e-9).result(PATIENCE)
    assert [(outcome.expression, outcome.kind) for outcome in late] == [("cup", "deadline"), ("fork", "deadline")]


def test_a_defect_is_reported_and_the_next_answer_comes(make_worker, defects: list[Exception]) -> None:
    worker = make_worker()
    outcome = ask(worker, "defect")
    assert outcome.answer is None
    assert outcome.problem == "KeyError: 'defect'"
    assert [type(error) for error in defects] == [KeyError]
    assert ask(worker).answer is not None


def test_a_bad_picture_is_a_problem_but_no_defect(make_worker, defects: list[Exception]) -> None:
    def unreadable() -> np.ndarray:
        raise ImageError("torn")

    worker = make_worker()
    outcome = worker.submit("cup", lambda: Frame("header", unreadable)).result(PATIENCE)
    assert (outcome.answer, outcome.problem, outcome.header) == (None, "torn", "header")
    assert defects == []
    assert ask(worker).answer is not None


def test_failed_loading_answers_with_the_reason(make_worker, defects: list[Exception]) -> None:
    def load(config):
        raise WeightsError("run: hybridgl download sam_vit_h")

    worker = make_worker(load)
    outcome = ask(worker)
    assert outcome.problem == "run: hybridgl download sam_vit_h"
    assert worker.state is ModelState.FAILED
    assert defects == []


def test_even_a_failing_report_leaves_nobody_waiting(make_worker, defects: list[Exception]) -> None:
    def report(error: Exception) -> None:
        raise OSError("the log is full")

    worker = make_worker(report=report)
    with pytest.raises(OSError, match="full"):
        ask(worker, "defect")
    assert ask(worker).answer is not None


def test_depth_goes_into_the_scene_and_a_missing_one_does_not_matter(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker()
    pixels = np.zeros((2, 3, 3), np.uint8)

    def ask_with(depth: Callable) -> None:
        outcome = worker.submit("cup", lambda: Frame("header", lambda: pixels, depth)).result(PATIENCE)
        assert outcome.answer is not None and outcome.places == ()

    def unknown(height: int, width: int) -> RegisteredDepth:
        raise PlaceError("late")

    known = [RegisteredDepth(np.full((2, 3), metres, np.float32), np.eye(3)) for metres in (1.0, 1.0, 2.0)]
    ask_with(unknown)
    assert segmenter.depth == {}
    for depth, encoded in zip(known, (2, 2, 3), strict=True):
        ask_with(lambda height, width, depth=depth: depth)
        assert segmenter.encoded == encoded
    assert segmenter.depth["depth"] is known[2].depth and segmenter.depth["intrinsics"] is known[2].intrinsics


def test_models_come_and_go(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker()
    ask(worker)
    worker.unload().result(PATIENCE)
    assert (worker.state, worker.cached) == (ModelState.NONE, 0)
    assert ask(worker).problem == "no models are loaded"
    worker.load().result(PATIENCE)
    assert ask(worker).answer is not None


def test_what_only_some_answers_need_is_loaded_after_the_first(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker()
    segmenter.go_on.clear()
    promised = worker.submit("cup", frame)
    assert segmenter.asked.wait(PATIENCE) and not segmenter.completed.is_set()
    segmenter.go_on.set()
    assert promised.result(PATIENCE).answer is not None
    assert segmenter.completed.wait(PATIENCE)
