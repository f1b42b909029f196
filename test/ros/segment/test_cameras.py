"""Several cameras in one process: its command line, and each camera's node over DDS."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hybridgl_ros.srv import ReferSegment

from hybridgl_ros.config import load_config
from hybridgl_ros.ros.common.client import SegmentClient
from hybridgl_ros.ros.segment.cameras import Camera, cameras_of, namespace_of

ENDING_TIME = 30.0
FAKE_NODE = Path(__file__).resolve().parents[1] / "fake_node.py"
CAMERAS = ("front", "wrist")


def test_each_camera_has_its_namespace_and_remappings() -> None:
    words = ["--camera", "front", "--camera", "arm/wrist", "image:=/rgb", "depth:=/depth", "--quick", "once"]
    cameras, others = cameras_of(words)
    assert cameras == [Camera("front"), Camera("arm/wrist", ("image:=/rgb", "depth:=/depth"))]
    assert others == ["--quick", "once"]
    assert cameras[0].arguments("") == ["--ros-args", "-r", "__ns:=/front"]
    assert cameras[1].arguments("/robot")[2::2] == ["__ns:=/robot/arm/wrist", "image:=/rgb", "depth:=/depth"]
    assert Camera("/front").arguments("/robot")[2] == "__ns:=/front"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--camera"], "expected at least one argument"),
        (["--camera", "2nd"], "'2nd' is no namespace"),
        (["--camera", "front/"], "'front/' is no namespace"),
        (["--camera", "front", "image"], "front: 'image' is not FROM:=TO"),
        (["--camera", "front", ":=/rgb"], "front: ':=/rgb' is not FROM:=TO"),
        (["--camera", "front", "--camera", "/front"], "front is there twice"),
    ],
)
def test_a_camera_that_is_given_wrongly_is_refused(words: list[str], reason: str, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        cameras_of(words)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "namespace"),
    [
        ([], ""),
        (["--ros-args", "-r", "image:=/rgb", "-p", "__ns:=/no"], ""),
        (["--ros-args", "-r", "image:=/rgb", "--remap", "__ns:=/robot"], "/robot"),
        (["--ros-args", "-r", "segment_node:__ns:=/robot", "-r", "__ns:=/other"], "/robot"),
    ],
)
def test_the_namespace_of_the_process(words: list[str], namespace: str) -> None:
    assert namespace_of(words) == namespace


@dataclass
class Pair:
    """Two cameras in one process, each as a node to ask. loads: how often models were loaded."""

    process: Any
    front: Any
    wrist: Any

    @property
    def loads(self) -> int:
        return self.process.gate.with_suffix(".loaded").read_text().count("models")


@pytest.fixture(scope="module")
def run_pair(run_node: Callable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Pair]]:
    """run_pair(NAMESPACE) → two cameras in that namespace, of which the first has settings of its own."""
    pairs: list[Pair] = []

    def run(namespace: str) -> Pair:
        file = tmp_path_factory.mktemp("params") / "params.yaml"
        file.write_text(f"{namespace}/front/segment_node: {{ros__parameters: {{fusion.alpha: 0.25}}}}\n")
        own = ("--camera", "front", "--camera", "wrist", "image:=rgb/image")
        process = run_node("--params-file", str(file), namespace=namespace, own=own)
        cameras = [
            replace(process, namespace=f"{namespace}/{name}", client=SegmentClient(f"{namespace}/{name}/segment_node"))
            for name in CAMERAS
        ]
        pairs.append(Pair(process, *cameras))
        return pairs[-1]

    yield run
    for pair in pairs:
        for node in (pair.front, pair.wrist, pair.process):
            node.client.close()


@pytest.fixture(scope="module")
def shared_pair(run_pair: Callable[[str], Pair]) -> Pair:
    pair = run_pair("/robot")
    for camera in (pair.front, pair.wrist):
        camera.wait_for_models()
    return pair


@pytest.fixture
def pair(shared_pair: Pair) -> Pair:
    """The shared pair, both active and with a frame of its own."""
    for camera, topic, column in ((shared_pair.front, "image", 4), (shared_pair.wrist, "rgb/image", 24)):
        steps = {"unconfigured": ("configure", "activate"), "inactive": ("activate",)}
        for transition in steps.get(camera.state, ()):
            assert camera.transit(transition)
        camera.publish(camera.frame(column, second=column), topic)
    return shared_pair


def seen(camera: Any) -> tuple[int, int]:
    """Stamp of the frame that an expression is answered on, and the column of what it refers to."""
    response = camera.client.refer("the red block")
    assert response.success, response.message
    (found,) = response.objects
    return found.header.stamp.sec, found.roi.x_offset


def test_each_answers_on_its_own_frames_under_its_own_settings_with_one_set_of_models(pair: Pair) -> None:
    assert (seen(pair.front), seen(pair.wrist)) == ((4, 4), (24, 24))
    by_topic = [camera.client.refer_by_topic("the red block") for camera in (pair.front, pair.wrist)]
    assert [one.header.stamp.sec for one in by_topic] == [4, 24]
    assert [round(one.score, 3) for one in by_topic] == [0.25, round(load_config("embedded").fusion.alpha, 3)]
    assert pair.loads == 1


def test_one_is_deactivated_while_the_other_answers(pair: Pair) -> None:
    calls = [*pair.front.call_at_once("wait for red"), *pair.wrist.call_at_once("the red block")]
    waiting = pair.front.client.diagnostics
    pair.front.client.wait_for(lambda: waiting()["expressions waiting"] == "1" or None, "the call in hand")
    assert pair.front.transit("deactivate")
    pair.front.wait_until_done(calls[:1])
    assert calls[0].result().message == "the node was deactivated"
    pair.wrist.wait_until_done(calls[1:])
    assert calls[1].result().success
    states = [camera.client.diagnostics()["state"] for camera in (pair.front, pair.wrist)]
    assert states == ["inactive", "active"]
    assert seen(pair.wrist) == (24, 24)


def test_models_stay_while_one_camera_needs_them(pair: Pair) -> None:
    before = pair.loads
    assert pair.front.transit("deactivate") and pair.front.transit("cleanup")
    assert pair.front.client.diagnostics()["models"] == "none"
    assert seen(pair.wrist) == (24, 24)
    assert pair.front.transit("configure")
    assert pair.loads == before
    for camera in (pair.front, pair.wrist):
        assert camera is pair.front or camera.transit("deactivate")
        assert camera.transit("cleanup")
    assert pair.wrist.transit("configure") and pair.front.transit("configure")
    assert pair.loads == before + 1


def test_a_failing_camera_does_not_hurt_the_other(pair: Pair) -> None:
    response = pair.front.client.refer("explode")
    assert "exploded on purpose" in response.message
    refused = int(pair.wrist.client.diagnostics()["expressions failed"])
    assert seen(pair.wrist) == (24, 24)
    assert int(pair.wrist.client.diagnostics()["expressions failed"]) == refused
    assert seen(pair.front) == (4, 4)


def test_interrupted_while_one_is_stuck_and_the_other_waits(run_pair: Callable[[str], Pair]) -> None:
    pair = run_pair("/stuck")
    for camera in (pair.front, pair.wrist):
        camera.wait_for_models()
    frame = pair.front.frame()
    for camera, words in ((pair.front, "stuck at red"), (pair.wrist, "the red block")):
        service = camera.client.node.create_client(ReferSegment, camera.topic("refer_segment"))
        camera.client.meet(service)
        service.call_async(ReferSegment.Request(expression=words, image=frame))
        waiting = camera.client.diagnostics
        camera.client.wait_for(lambda: waiting()["expressions waiting"] == "1" or None, "the call")  # noqa: B023
    pair.process.process.send_signal(signal.SIGINT)
    assert pair.process.process.wait(ENDING_TIME) == 0
    assert "Traceback" not in pair.process.log


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ("models.threads: 2", "models.threads counts for the whole process"),
        ("fusion.alpha: 7.0", "camera wrist: fusion.alpha: 7.0 is outside"),
    ],
)
def test_parameters_of_one_camera_that_cannot_be_end_the_process_with_a_line(
    spawn: Callable, tmp_path: Path, parameter: str, reason: str
) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(f"/wrist/segment_node: {{ros__parameters: {{{parameter}}}}}\n")
    words = ("--camera", "front", "--camera", "wrist", "--ros-args", "--params-file", file)
    process, log = spawn(FAKE_NODE, tmp_path / "gate", *words)
    assert process.wait(ENDING_TIME) == 1
    said = log.read_text()
    assert reason in said and "Traceback" not in said
