"""What waits for the inference thread: places, turns, deadlines, stopping and closing."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import numpy as np
import pytest
from fake_worker import PATIENCE, FakeSegmenter, ask, frame

from hybridgl_ros.ros.segment.worker import RefusedError


def test_too_many_waiting_are_refused_and_place_becomes_free(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker(limit=2)
    segmenter.go_on.clear()
    held = [worker.submit("cup", frame) for _ in range(2)]
    with pytest.raises(RefusedError, match="2 expressions are waiting"):
        worker.submit("cup", frame)
    segmenter.go_on.set()
    assert all(future.result(PATIENCE).answer for future in held)
    assert ask(worker).answer is not None


def test_an_uncounted_one_needs_no_place(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker(limit=1)
    segmenter.go_on.clear()
    followed = worker.submit("cup", frame, counted=False)
    called = worker.submit("plate", frame)
    with pytest.raises(RefusedError):
        worker.submit("fork", frame)
    segmenter.go_on.set()
    assert followed.result(PATIENCE).answer[0] == "cup"
    assert called.result(PATIENCE).answer[0] == "plate"


def test_closing_cancels_what_waits(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker()
    segmenter.go_on.clear()
    running = worker.submit("cup", frame)
    waiting = worker.submit("plate", frame)
    assert segmenter.asked.wait(PATIENCE)
    closing = threading.Thread(target=worker.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE)
    segmenter.go_on.set()
    closing.join(PATIENCE)
    assert not closing.is_alive()
    assert running.result(PATIENCE).answer is not None


def test_after_some_patience_what_is_in_hand_is_cancelled_too(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker()
    segmenter.go_on.clear()
    running = worker.submit("cup", frame)
    assert segmenter.asked.wait(PATIENCE)
    assert not worker.close(0.01)
    with pytest.raises(CancelledError):
        running.result(PATIENCE)
    with pytest.raises(RefusedError, match="ending"):
        worker.submit("plate", frame)


def test_a_request_past_its_deadline_is_refused_when_its_turn_comes(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker()
    segmenter.go_on.clear()
    first = worker.submit("first", frame)
    assert segmenter.asked.wait(PATIENCE)
    late = worker.submit("late", frame, deadline=1e-9)
    patient = worker.submit("patient", frame, deadline=PATIENCE)
    segmenter.go_on.set()
    assert first.result(PATIENCE).answer is not None
    outcome = late.result(PATIENCE)
    assert (outcome.answer, outcome.kind) == (None, "deadline")
    assert "deadline of 1e-09 s" in outcome.problem
    assert patient.result(PATIENCE).answer is not None


def test_sources_take_turns(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker(limit=10)
    segmenter.go_on.clear()
    order: list[str] = []
    futures = [worker.submit("held", frame)]
    assert segmenter.asked.wait(PATIENCE)
    for source in ("service", "service", "service", "topic", "action"):
        future = worker.submit("cup", frame, source=source)
        future.add_done_callback(lambda _, source=source: order.append(source))
        futures.append(future)
    segmenter.go_on.set()
    for future in futures:
        future.result(PATIENCE)
    worker.close()
    assert order == ["service", "topic", "action", "service", "service"]


def test_a_stopped_request_frees_its_place_and_ends_at_its_next_step(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker(limit=1)
    stages: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def encode(image: np.ndarray, *, progress) -> list[np.ndarray]:
        progress("proposals")
        begun.set()
        assert go_on.wait(PATIENCE)
        progress("proposals")
        raise AssertionError("nobody wants it any more")

    usual, segmenter.encode = segmenter.encode, encode
    running = worker.submit("cup", frame, watch=stages.append)
    assert begun.wait(PATIENCE)
    assert worker.stop(running, "cancelled")
    assert not worker.stop(running, "again")
    assert (running.result(0).problem, running.result(0).kind) == ("cancelled", "cancelled")
    segmenter.encode = usual
    following = worker.submit("plate", frame)
    go_on.set()
    assert following.result(PATIENCE).answer[0] == "plate"
    assert stages == ["decode", "proposals"]


def test_stopping_several_is_told_of_each(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker()
    segmenter.go_on.clear()
    future = worker.submit(("cup", "fork"), frame)
    assert worker.stop(future, "enough")
    assert [(outcome.expression, outcome.problem) for outcome in future.result(PATIENCE)] == [
        ("cup", "enough"),
        ("fork", "enough"),
    ]
    segmenter.go_on.set()
    assert ask(worker).answer is not None


def test_dropping_tells_all_and_the_next_is_answered(make_worker, segmenter: FakeSegmenter) -> None:
    worker = make_worker()
    segmenter.go_on.clear()
    futures = [worker.submit("cup", frame) for _ in range(3)]
    assert segmenter.asked.wait(PATIENCE)
    worker.drop("the node was deactivated")
    assert [future.result(0).problem for future in futures] == ["the node was deactivated"] * 3
    assert worker.waiting == 0
    segmenter.go_on.set()
    assert ask(worker).answer is not None


def test_closing_ends_the_wait_for_models(make_worker) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def load(config):
        begun.set()
        assert go_on.wait(PATIENCE)

    worker = make_worker(load)
    loading = worker.load()
    assert begun.wait(PATIENCE)
    assert not worker.close(0.01)
    with pytest.raises(CancelledError):
        loading.result(PATIENCE)
    go_on.set()
    assert worker.close()
