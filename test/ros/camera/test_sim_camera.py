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
from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path

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


def test_one_stamp_unites_what_belongs_together(start_camera, scenes: TabletopSet) -> None:
    camera = start_camera("scene:=3", "frames_per_scene:=0")
    topics = {
        "image": Image,
        "depth": Image,
        "camera_info": CameraInfo,
        "ground_truth/instances": Image,
    }
    heard = {topic: camera.hear(kind, topic) for topic, kind in topics.items()}
    told = camera.hear(String, "ground_truth/expressions")

    def complete() -> dict | None:
        """The messages of the first stamp that all topics have."""
        stamps = [{(m.header.stamp.sec, m.header.stamp.nanosec): m for m in messages} for messages in heard.values()]
        truths = {tuple(json.loads(m.data)["stamp"]): json.loads(m.data) for m in told}
        common = set(truths).intersection(*stamps)
        if not common:
            return None
        stamp = min(common)
        return {**{topic: known[stamp] for topic, known in zip(heard, stamps, strict=True)}, "truth": truths[stamp]}

    found = camera.client.wait_for(complete, "a whole frame")
    scene = scenes[3]
    assert {message.header.frame_id for topic, message in found.items() if topic != "truth"} == {
        "sim_camera_optical_frame"
    }
    assert np.array_equal(rgb_pixels(found["image"]), scene.image)
    assert np.array_equal(unpack_rows(found["ground_truth/instances"]), scene.instances)
    assert np.array_equal(unpack_rows(found["depth"]), scene.depth, equal_nan=True)
    assert np.array_equal(np.reshape(found["camera_info"].k, (3, 3)), scene.intrinsics)
    assert found["truth"]["scene"] == scene.id
    assert [entry["text"] for entry in found["truth"]["expressions"]] == [entry.text for entry in scene.expressions]


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
