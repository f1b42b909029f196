"""A bag that sim_camera wrote, scored offline by the library and online through the node over DDS."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from fake_evaluation import FixedBoxes, loader
from rcl_interfaces.srv import GetParameters
from rclpy.parameter import parameter_value_to_python
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from hybridgl_ros.config import load_config
from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.bag import BagDataset, frames_of, stamp_of
from hybridgl_ros.evaluation.datasets.bag_file import SECOND, TOPICS, Bag, Frame, Topics, write_bag
from hybridgl_ros.evaluation.datasets.tabletop import open_tabletop
from hybridgl_ros.evaluation.plan import DEFAULT_METHOD, method_runs
from hybridgl_ros.evaluation.results import write_results
from hybridgl_ros.evaluation.runner import Job, run_job
from hybridgl_ros.ros.bags import evaluate_bag
from hybridgl_ros.ros.bags.bag_player import BagPlayer

BOXES_NODE = Path(__file__).with_name("boxes_node.py")
COMMAND = [sys.executable, "-m", "hybridgl_ros.ros.bags.evaluate_bag"]
PATIENCE = 600.0
FRAMES = 5


@pytest.fixture(scope="module")
def bag(ros, spawn: Callable, run_node: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first frames of the held-out scenes, as sim_camera writes them."""
    path = tmp_path_factory.mktemp("bags") / "tabletop"
    camera = ("-p", f"bag:={path}", "-p", f"bag_frames:={FRAMES}")
    node = run_node(*camera, program=("-m", "hybridgl_ros.ros.camera.sim_camera"))
    node.client.timeout = PATIENCE
    # The camera publishes only after the bag is written.
    node.client.wait_for(lambda: node.client.node.count_publishers(node.topic("image")) or None, "the camera")
    node.process.terminate()
    node.process.wait(timeout=PATIENCE)
    node.client.close()
    return path


def evaluate(bag: Path, out: Path, *options: str | Path) -> dict:
    """Run the command; online.json."""
    command = [*COMMAND, bag, "--out", out, "--online", *options]
    finished = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert finished.returncode == 0, finished.stderr
    return json.loads((out / "online.json").read_text(encoding="utf-8"))


def mode_of(node) -> str:
    client = node.client.node.create_client(GetParameters, node.topic("segment_node/get_parameters"))
    (value,) = node.client.call(client, GetParameters.Request(names=["mode"])).values
    return parameter_value_to_python(value)


def time_of(node) -> int:
    """The node's own time in ns, as it stamps its diagnostics."""
    name, stamps = node.topic("segment_node"), []

    def hear(message: DiagnosticArray) -> None:
        stamps.extend(stamp_of(message) for status in message.status if status.name.endswith(name))

    node.client.node.create_subscription(DiagnosticArray, "/diagnostics", hear, 10)
    return node.client.wait_for(lambda: stamps[-1] if stamps else None, "diagnostics")


def check_counts(content: dict, expected: int = FRAMES) -> None:
    """What holds on a slow machine and on a fast one."""
    frames = content["frames"]
    assert content["complete"] is True
    assert content["expected"] == frames["played"] == expected
    assert 1 <= frames["scored"] <= frames["answered"] <= frames["seen"] <= expected
    assert frames["skipped"] == frames["seen"] - frames["answered"]
    latency = content["latency"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["maximum"]
    stamps = [int(entry["id"]) for entry in content["results"]]
    assert stamps == sorted(stamps)
    assert len(content["results"]) == frames["scored"]


def test_online_and_offline_agree_on_the_frames_both_saw(start, bag: Path, tmp_path: Path) -> None:
    dataset = BagDataset(bag)
    runs = method_runs(load_config("embedded"), [DEFAULT_METHOD], {})
    finished = run_job(Job({dataset.split: dataset}, runs, load=loader(FixedBoxes())), tmp_path / "offline")
    write_results(finished, tmp_path / "offline")
    assert len(finished.answered[0].outcomes) == FRAMES

    node = start(program=(BOXES_NODE,))
    content = evaluate(bag, tmp_path / "online", "--node", node.topic("segment_node"), "--rate", "0.2",
                       "--compare", tmp_path / "offline")  # fmt: skip
    check_counts(content)
    agreement = content["agreement"]
    assert agreement["both"] == agreement["equal"] == content["frames"]["scored"]
    offline = {outcome.id: outcome for outcome in finished.answered[0].outcomes}
    for entry in content["results"]:
        assert entry["expression"] == offline[entry["id"]].expression
        assert entry["iou"] == offline[entry["id"]].iou
    assert mode_of(node) == "once"


def test_a_compressed_bag_with_topics_of_its_own(start, tmp_path: Path) -> None:
    names = {"image": "/cam/compressed", "expression": "/say", "truth": "/true"}
    write_bag(islice(frames_of(open_tabletop()), 2), tmp_path / "bag", compressed=True, topics=Topics(**names))
    node = start(program=(BOXES_NODE,))
    renamed = [f"--topic={name}={topic}" for name, topic in names.items()]
    content = evaluate(
        tmp_path / "bag", tmp_path / "out", "--node", node.topic("segment_node"), "--rate", "0.2", *renamed
    )
    check_counts(content, 2)


def test_the_shipped_models_agree_with_themselves(start, bag: Path, tmp_path: Path) -> None:
    node = start("-p", "use_sim_time:=true", program=("-m", "hybridgl_ros.ros.segment.segment_node"))
    options = ("--rate", "0.1", "--offline", "--no-cache")
    content = evaluate(bag, tmp_path, "--node", node.topic("segment_node"), *options)
    check_counts(content)
    assert content["agreement"]["both"] == content["agreement"]["equal"] == content["frames"]["scored"]
    offline = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert len(offline["results"]) == FRAMES
    assert (tmp_path / "report.html").stat().st_size > 0
    assert mode_of(node) == "once"
    assert time_of(node) == list(BagDataset(bag).images.values())[-1].time


def test_a_bag_is_played_as_it_was_recorded(start, bag: Path) -> None:
    listener = start()
    listener.client.wait_for_models()
    heard: list = []
    kinds = {"image": Image, "expression": String, "camera_info": CameraInfo, "depth": Image}
    for topic, kind in kinds.items():
        listener.client.node.create_subscription(
            kind, listener.topic(topic), lambda message, topic=topic: heard.append((topic, message)), 100
        )
    clock: list[int] = []
    listener.client.node.create_subscription(
        Clock, "/clock", lambda message: clock.append(message.clock.sec * SECOND + message.clock.nanosec), 10000
    )
    player = BagPlayer(Bag(bag), TOPICS, namespace=listener.namespace)
    try:
        client = listener.client

        def all_heard() -> bool | None:
            topics = ["/clock", *(listener.topic(topic) for topic in kinds)]
            return all(player.node.count_subscribers(topic) for topic in topics) or None

        client.wait_for(lambda: player.is_heard_by(listener.topic("segment_node")) or None, "the node to listen")
        client.wait_for(all_heard, "all topics")
        player.play(client.take_in, rate=2.0)
        recorded = list(Bag(bag).messages([f"/{topic}" for topic in kinds]))
        client.wait_for(lambda: len(heard) == len(recorded) or None, "every message")
        client.wait_for(lambda: recorded[-1].time in clock or None, "the last tick of the clock")
    finally:
        player.close()
    for topic in kinds:
        came = [message for name, message in heard if name == topic]
        written = [message.content for message in recorded if message.topic == f"/{topic}"]
        assert len(came) == len(written) > 0
        for ours, theirs in zip(came, written, strict=True):
            if topic == "expression":
                assert ours.data == theirs.data
                continue
            assert (stamp_of(ours), ours.header.frame_id) == (stamp_of(theirs), theirs.header.frame_id)
            if topic == "camera_info":
                assert np.array_equal(ours.k, theirs.k)
            else:
                assert np.array_equal(ours.data, theirs.data)
    assert clock == sorted(clock)
    assert clock[0] == recorded[0].time
    assert clock[-1] == recorded[-1].time
    assert list(player.published) == [stamp_of(message.content) for message in recorded if message.topic == "/image"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_early_end_leaves_what_was_scored_and_the_node_in_its_mode(start, tmp_path: Path, number: int) -> None:
    write_bag(small_frames(*["the red block"] * 50), tmp_path / "bag")
    node = start()
    # A shell may have told its background processes to ignore Ctrl-C.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "from hybridgl_ros.ros.bags.evaluate_bag import main; main()"
    options = ["--online", "--node", node.topic("segment_node"), "--rate", "0.05", "--out", str(tmp_path / "out")]
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "bag"), *options])
    try:
        node.client.timeout = PATIENCE
        node.client.wait_for(lambda: node.client.diagnostics()["expressions answered"] != "0" or None, "an answer")
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE) == 130
    finally:
        process.kill()
        process.wait()
    content = json.loads((tmp_path / "out" / "online.json").read_text(encoding="utf-8"))
    assert content["complete"] is False
    assert 1 <= content["frames"]["played"] < content["expected"] == 50
    assert any("stopped early" in note for note in content["notes"])
    assert mode_of(node) == "once"


@pytest.mark.parametrize("rate", ["100", "inf"])
def test_every_answer_counts_however_fast_the_bag_is_played(start, tmp_path: Path, rate: str) -> None:
    write_bag(small_frames(*["the red block"] * 300), tmp_path / "bag")
    node = start()
    node.wait_for_models()
    before = int(node.client.diagnostics()["expressions answered"])
    content = evaluate(tmp_path / "bag", tmp_path / "out", "--node", node.topic("segment_node"), "--rate", rate)
    answered = int(node.client.diagnostics()["expressions answered"]) - before
    check_counts(content, 300)
    assert content["frames"]["scored"] + content["replies_not_scored"] == answered
    assert content["rate"] == (None if rate == "inf" else 100.0)
    assert not any("were heard" in note for note in content["notes"])


def small_frames(*expressions: str) -> list[Frame]:
    pixels = np.zeros((8, 10, 3), np.uint8)
    return [
        Frame((second + 1) * SECOND, pixels, expression, pixels[..., 0] == 0)
        for second, expression in enumerate(expressions)
    ]


def missing(path: Path) -> str:
    return f"{path}: no such bag"


def truncated(path: Path) -> str:
    write_bag(small_frames("a", "b"), path)
    (file,) = path.glob("*.db3")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return f"{path}: "


def without_truth(path: Path) -> str:
    write_bag(small_frames("a"), path, topics=replace(TOPICS, truth="/mask"))
    return f"{path}: no topic /ground_truth; there are /expression"


def of_another_type(path: Path) -> str:
    write_bag(small_frames("a"), path, topics=replace(TOPICS, expression="/image", image="/expression"))
    return f"{path}: topic /image is of type std_msgs/msg/String, wanted sensor_msgs/msg/Image"


def with_an_empty_expression(path: Path) -> str:
    write_bag(small_frames("a", " "), path)
    return f"{path}: an empty expression on /expression at 1500000000 ns"


@pytest.mark.parametrize("mode", ["offline", "online"])
@pytest.mark.parametrize("make", [missing, truncated, without_truth, of_another_type, with_an_empty_expression])
def test_a_bag_that_cannot_be_scored_is_named(make, mode: str, tmp_path: Path, monkeypatch, capsys) -> None:
    reason = make(tmp_path / "bag")
    options = ["--online"] if mode == "online" else []
    monkeypatch.setattr(sys, "argv", ["evaluate_bag", str(tmp_path / "bag"), "--out", str(tmp_path / "out"), *options])
    with pytest.raises(SystemExit) as stopped:
        evaluate_bag.main()
    assert stopped.value.code == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def refusal(folder: Path, *options: str) -> str:
    """What the command says on a bag of one frame that it refuses."""
    write_bag(small_frames("a"), folder / "bag")
    command = [*COMMAND, str(folder / "bag"), "--out", str(folder / "out"), *options]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=folder)
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
    return finished.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--offline"], "belong to --online"),
        (["--online", "--preset", "paper"], "the running node has its own"),
        (["--online", "--rate", "nan"], ""),
        (["--online", "--ros-args", "--log-level", "loud"], "log level"),
        (["--online", "--node", "segment_node"], "full name is wanted, like /segment_node"),
        (["--online", "--compare", "nowhere"], "nowhere: no results.json"),
        (["--online", "--node", "/nobody/segment_node", "--timeout", "0.5"], "/nobody/segment_node; does it run?"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: list[str], reason: str, tmp_path: Path) -> None:
    assert reason in refusal(tmp_path, *options)


def test_missing_weights_are_said_before_anything_is_played(start, tmp_path: Path) -> None:
    node = start(marks=("missing",))
    assert "hybridgl download sam_vit_h" in refusal(tmp_path, "--online", "--node", node.topic("segment_node"))
    assert node.client.diagnostics()["frames received"] == "0"


def test_depth_of_another_type_is_named(ros, tmp_path: Path) -> None:
    write_bag(small_frames("a"), tmp_path / "bag")
    with pytest.raises(DatasetError, match=r"topic /image is of type .*Image, wanted sensor_msgs/msg/CameraInfo"):
        BagPlayer(Bag(tmp_path / "bag"), replace(TOPICS, image="/ground_truth", camera_info="/image"))
