"""Answers as messages of vision_msgs: of one that is not real, and of the real one where it is installed."""

from __future__ import annotations

import math
import sys
from types import ModuleType

import fake_vision_msgs
import pytest
from geometry_msgs.msg import Point, Pose, Vector3
from hybridgl_ros.msg import ReferredObject
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from hybridgl_ros.ros.common.vision import detections, detections_3d, label_info, vision_messages

HEADER = Header(frame_id="optical")
MODULES = [fake_vision_msgs, *filter(None, [vision_messages()])]


@pytest.fixture(params=MODULES, ids=lambda module: module.__name__)
def messages(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def referred(expression: str, *, found: bool = True, **fields: object) -> ReferredObject:
    region = RegionOfInterest(x_offset=10, y_offset=4, width=5, height=2)
    return ReferredObject(expression=expression, found=found, score=0.75, roi=region, **fields)


def test_without_the_package_there_are_no_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vision_msgs", None)
    assert vision_messages() is None


def test_with_the_package_its_messages_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("vision_msgs")
    package.msg = fake_vision_msgs
    monkeypatch.setitem(sys.modules, "vision_msgs", package)
    assert vision_messages() is fake_vision_msgs


def test_label_info_names_every_number(messages: ModuleType) -> None:
    info = label_info(messages, {0: "the cup", 255: "UNLABELED"}, 0.5, HEADER)
    assert [(entry.class_id, entry.class_name) for entry in info.class_map] == [(0, "the cup"), (255, "UNLABELED")]
    assert (info.header, info.threshold) == (HEADER, 0.5)


def test_detections_are_the_referents_with_their_boxes(messages: ModuleType) -> None:
    objects = [referred("the cup", track_id=7), referred("a fork", found=False), referred("the plate")]
    array = detections(messages, objects, HEADER)
    found, unfollowed = array.detections
    assert (found.id, unfollowed.id) == ("7", "")
    assert array.header == found.header == HEADER
    (guess,) = found.results
    assert (guess.hypothesis.class_id, guess.hypothesis.score) == ("the cup", 0.75)
    bounds = found.bbox
    left, top = bounds.center.position.x - bounds.size_x / 2, bounds.center.position.y - bounds.size_y / 2
    assert (left, top, bounds.size_x, bounds.size_y) == (10, 4, 5, 2)


def test_detections_in_space_are_those_whose_place_is_known(messages: ModuleType) -> None:
    pose, extent = Pose(position=Point(x=0.1, z=0.5)), Vector3(x=0.05, y=0.06, z=0.07)
    objects = [
        referred("the cup", has_position=True, pose=pose, extent=extent, track_id=9),
        referred("the plate", pose=Pose(position=Point(x=math.nan))),
        referred("a fork", found=False),
    ]
    array = detections_3d(messages, objects, HEADER)
    (found,) = array.detections
    assert array.header == found.header == HEADER
    (guess,) = found.results
    assert (guess.hypothesis.class_id, guess.pose.pose) == ("the cup", pose)
    assert (found.bbox.center, found.bbox.size, found.id) == (pose, extent, "9")
