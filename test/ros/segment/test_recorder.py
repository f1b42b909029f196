"""What a node records, hooked into the inference thread by its desk."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import saved_recording
from fake_node import ColourSegmenter
from std_msgs.msg import Header

from hybridgl_ros.config import load_config
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.metric.registration import RegisteredDepth
from hybridgl_ros.ros.segment.cameras import check_recordings
from hybridgl_ros.ros.segment.counters import Counters
from hybridgl_ros.ros.segment.desk import Desk
from hybridgl_ros.ros.segment.inference import Inference
from hybridgl_ros.ros.segment.job import Frame
from hybridgl_ros.ros.segment.recorder import TOO_FAST, WAITING, AnswerRecorder, make_recorder
from hybridgl_ros.ros.segment.worker import InferenceWorker

PATIENCE = 60.0
SECOND = 10**9


@pytest.fixture
def defects() -> list[Exception]:
    return []


@pytest.fixture
def ask(tmp_path, defects):
    """ask(recorder, question, second) → outcome, through a desk and an inference thread of its own."""
    config = load_config("embedded")
    worker = InferenceWorker(
        Inference(lambda config: ColourSegmenter(tmp_path / "gate", config)),
        config,
        report=defects.append,
        limit=8,
        cache_capacity=2,
    )
    worker.load().result(PATIENCE)

    def call(recorder: AnswerRecorder, question, second: int):
        settings = SimpleNamespace(expression_limit=100)
        desk = Desk(
            worker,
            None,
            Counters(60.0),
            settings=lambda: settings,
            check_open=lambda: None,
            report=defects.append,
            recorder=recorder,
        )
        header = Header()
        header.stamp.sec = second
        image = np.zeros((6, 8, 3), np.uint8)
        image[1:3, 1:4, 0] = 200 + second
        depth = RegisteredDepth(np.full((6, 8), 2.0, np.float32), np.diag([4.0, 4.0, 1.0]))
        frame = Frame(header, lambda: image, lambda height, width: depth)
        return desk.submit(question, lambda: frame, "test").result(PATIENCE)

    yield call
    worker.close()


def test_every_answer_stands_at_its_pictures_stamp(ask, defects, tmp_path):
    file = tmp_path / "answers.rrd"
    recorder = make_recorder(str(file), defects.append, defects.append)
    ask(recorder, "red", 3)
    ask(recorder, "green", 3)
    ask(recorder, ("red", "explode"), 5)
    ask(recorder, "explode", 7)
    recorder.close()
    found = saved_recording.lines(file)
    assert [type(error) for error in defects] == [ZeroDivisionError] * 2
    times = {"frame": {0, 1}, "stamp": {3 * SECOND, 5 * SECOND}}
    for entity in ("camera/image", "camera/depth", "camera/cloud", "proposals", "answers/red/mask"):
        assert found[f"/{entity}"] == times, entity
    assert found["/answers/green/candidates"] == {"frame": {0}, "stamp": {3 * SECOND}}
    assert not any("explode" in entity for entity in found)


def test_answers_do_not_wait_for_the_recording(ask, defects, tmp_path, monkeypatch):
    warned: list[str] = []
    go_on = threading.Event()
    recorder = make_recorder(str(tmp_path / "answers.rrd"), warned.append, defects.append)
    write = recorder._recording.frame
    monkeypatch.setattr(recorder._recording, "frame", lambda *frame: go_on.wait(PATIENCE) and write(*frame))
    for second in range(WAITING + 3):
        assert ask(recorder, "red", second).answer.found
    assert set(warned) == {TOO_FAST}
    go_on.set()
    recorder.close()
    ask(recorder, "red", 9)
    assert 1 < len(saved_recording.lines(tmp_path / "answers.rrd")["/proposals"]["frame"]) <= WAITING + 1
    assert defects == []


def test_what_goes_wrong_is_reported_and_the_rest_is_written(ask, defects, tmp_path, monkeypatch):
    recorder = make_recorder(str(tmp_path / "answers.rrd"), defects.append, defects.append)
    fails = [ValueError("full")]
    write = recorder._recording.frame

    def frame(*what):
        if fails:
            raise fails.pop()
        write(*what)

    monkeypatch.setattr(recorder._recording, "frame", frame)
    ask(recorder, "red", 1)
    ask(recorder, "red", 2)
    recorder.close()
    assert [str(error) for error in defects] == ["full"]
    assert saved_recording.lines(tmp_path / "answers.rrd")["/answers/red/text"] == {"frame": {0}, "stamp": {2 * SECOND}}


def test_the_node_needs_the_sdk_only_when_it_records(monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    assert make_recorder("", print, print) is None
    with pytest.raises(ConfigError, match=r"pip install 'hybridgl-ros\[rerun\]'"):
        make_recorder("spawn", print, print)


def test_cameras_do_not_write_into_one_file():
    check_recordings(["", "", "spawn", "spawn", "a.rrd", "b.rrd"])
    with pytest.raises(ConfigError, match=r"several cameras cannot write a\.rrd"):
        check_recordings(["a.rrd", "b.rrd", "a.rrd"])
