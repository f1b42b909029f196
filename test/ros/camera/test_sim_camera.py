"""sim_camera over DDS, and the bag it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from hybridgl_ros.evaluation.datasets.bag import BagDataset
from hybridgl_ros.evaluation.datasets.tabletop import TabletopDataset
from hybridgl_ros.pixels import rgb_pixels, unpack_rows
from hybridgl_ros.tabletop.dataset import TabletopScene, TabletopSet, heldout_path
from hybridgl_ros.tabletop.motion import Motion, seen

PROGRAM = ("-m", "hybridgl_ros.ros.camera.sim_camera")
BAG_FRAMES = 6


@pytest.fixture(scope="module")
def scenes() -> TabletopSet:
    return TabletopSet(heldout_path())


@pytest.fixture
def start_camera(start):
    def run(*parameters: str):
        return start(*(word for parameter in parameters for word in ("-p", parameter)), program=PROGRAM)

    return run


def whole_frame(camera) -> dict:
    """The messages of the first stamp that all topics have, by topic, and the truth."""
    topics = {"image": Image, "depth": Image, "camera_info": CameraInfo, "ground_truth/instances": Image}
    heard = {topic: camera.hear(kind, topic) for topic, kind in topics.items()}
    told = camera.hear(String, "ground_truth/expressions")

    def complete() -> dict | None:
        stamps = [{(m.header.stamp.sec, m.header.stamp.nanosec): m for m in messages} for messages in heard.values()]
        truths = {tuple(json.loads(m.data)["stamp"]): json.loads(m.data) for m in told}
        common = set(truths).intersection(*stamps)
        if not common:
            return None
        stamp = min(common)
        return {**{topic: known[stamp] for topic, known in zip(heard, stamps, strict=True)}, "truth": truths[stamp]}

    return camera.client.wait_for(complete, "a whole frame")


def shows(frame: dict, scene: TabletopScene) -> bool:
    """Whether everything in a frame is of the scene."""
    return (
        np.array_equal(rgb_pixels(frame["image"]), scene.image)
        and np.array_equal(unpack_rows(frame["ground_truth/instances"]), scene.instances)
        and np.array_equal(unpack_rows(frame["depth"]), scene.depth, equal_nan=True)
        and np.array_equal(np.reshape(frame["camera_info"].k, (3, 3)), scene.intrinsics)
    )


def test_one_stamp_unites_what_belongs_together(start_camera, scenes: TabletopSet, assert_described) -> None:
    camera = start_camera("scene:=3", "frames_per_scene:=0")
    found = whole_frame(camera)
    scene = scenes[3]
    assert {message.header.frame_id for topic, message in found.items() if topic != "truth"} == {
        "sim_camera_optical_frame"
    }
    assert shows(found, scene)
    assert found["truth"]["scene"] == scene.id
    assert [entry["text"] for entry in found["truth"]["expressions"]] == [entry.text for entry in scene.expressions]
    assert_described(camera.client, "sim_camera", camera.namespace)


def test_all_topics_move_together(start_camera, scenes: TabletopSet) -> None:
    motion = Motion(
        pan=5.0, tilt=3.0, roll=8.0, zoom=0.2, period=6, occluder_every=3, occluder_frames=2, occluder_width=0.5
    )
    values = {"motion_period" if name == "period" else name: value for name, value in vars(motion).items()}
    parameters = [f"{name}:={value}" for name, value in values.items()]
    found = whole_frame(start_camera("scene:=3", "frames_per_scene:=0", *parameters))
    assert [shows(found, seen(scenes[3], motion, number)) for number in range(motion.period)].count(True) == 1


def test_scenes_follow_each_other_and_can_be_chosen(start_camera, scenes: TabletopSet) -> None:
    camera = start_camera("frames_per_scene:=2")
    told = camera.hear(String, "ground_truth/expressions")

    def shown() -> set[str]:
        return {json.loads(message.data)["scene"] for message in told}

    camera.client.wait_for(lambda: len(shown()) >= 3 or None, "three scenes")
    last = len(scenes) - 1
    name = camera.topic("sim_camera")
    assert camera.client.set_parameter(name, "scene", last) == ""
    camera.client.wait_for(lambda: scenes[last].id in shown() or None, "the last scene")
    assert f"not among the set's {len(scenes)}" in camera.client.set_parameter(name, "scene", last + 1)
    told.clear()
    camera.client.wait_for(lambda: told or None, "another frame")


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_the_bag_is_a_data_set_of_the_same_scenes(start_camera, tmp_path: Path, storage: str) -> None:
    bag = tmp_path / "bag"
    camera = start_camera(f"bag:={bag}", f"bag_frames:={BAG_FRAMES}", f"bag_storage:={storage}")
    camera.wait_for_log(f"{BAG_FRAMES} frames written")
    recorded = BagDataset(bag)
    original = TabletopDataset(heldout_path())
    assert len(recorded.samples) == BAG_FRAMES
    for mine, theirs in zip(recorded.samples, original.samples, strict=False):
        assert mine.expression == theirs.expression
        assert np.array_equal(recorded.image(mine.image_id), original.image(theirs.image_id))
        assert np.array_equal(recorded.mask(mine), original.mask(theirs))


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [("scenes:=/nowhere.zip", "no such tabletop set"), ("scene:=99999", "99999"), ("rate:=0.0", "rate")],
)
def test_a_bad_start_ends_with_one_line(start_camera, parameter: str, reason: str) -> None:
    camera = start_camera(parameter)
    assert camera.process.wait(timeout=60) == 1
    assert reason in camera.log
    assert "Traceback" not in camera.log


def test_a_bag_that_exists_is_not_overwritten(start_camera, tmp_path: Path) -> None:
    camera = start_camera(f"bag:={tmp_path}")
    assert camera.process.wait(timeout=60) == 1
    assert "exists already" in camera.log
