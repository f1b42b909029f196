"""Poses in another frame, with a tf2 that is missing and one that is not real."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from geometry_msgs.msg import PoseStamped

from hybridgl_ros.errors import ConfigError, PlaceError
from hybridgl_ros.ros.common.frames import TargetFrame


class Unknown(Exception):
    pass


class Buffer:
    def transform(self, pose: PoseStamped, frame: str) -> PoseStamped:
        if frame == "nowhere":
            raise Unknown("no such frame")
        pose.header.frame_id = frame
        return pose


def test_without_a_frame_nothing_changes() -> None:
    pose = PoseStamped()
    assert TargetFrame(None, "").turned(pose) is pose


def test_a_frame_without_tf2_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_geometry_msgs", None)
    with pytest.raises(ConfigError, match="'map' needs tf2_ros and tf2_geometry_msgs, which are not installed"):
        TargetFrame(None, "map")


def test_poses_are_turned_by_tf2(monkeypatch: pytest.MonkeyPatch) -> None:
    tf2 = SimpleNamespace(Buffer=Buffer, TransformListener=lambda buffer, node: None, TransformException=Unknown)
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2)
    monkeypatch.setitem(sys.modules, "tf2_geometry_msgs", SimpleNamespace())
    assert TargetFrame(None, "map").turned(PoseStamped()).header.frame_id == "map"
    with pytest.raises(PlaceError, match="no pose in 'nowhere': no such frame"):
        TargetFrame(None, "nowhere").turned(PoseStamped())
