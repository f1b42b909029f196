"""~/pose in another frame through the real tf2; where only the ROS wheels are, which lack it, this is skipped."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable

import pytest
from geometry_msgs.msg import PoseStamped, TransformStamped
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from hybridgl_ros.ros.common.conversion import image_message

HEIGHT, WIDTH, FAR = 32, 48, 1.25
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tf2_geometry_msgs") is None, reason="tf2_geometry_msgs is not installed"
)


def depth(second: int) -> Image:
    import numpy as np

    message = image_message(np.full((HEIGHT, WIDTH), FAR, np.float32), "32FC1", Header(frame_id="optical"))
    message.header.stamp.sec = second
    return message


def camera_info(second: int) -> CameraInfo:
    matrix = [40.0, 0.0, (WIDTH - 1) / 2, 0.0, 40.0, (HEIGHT - 1) / 2, 0.0, 0.0, 1.0]
    message = CameraInfo(header=Header(frame_id="optical"), height=HEIGHT, width=WIDTH, k=matrix, d=[0.0] * 5)
    message.header.stamp.sec = second
    return message


def test_poses_come_in_the_target_frame_as_soon_as_tf_knows_it(start: Callable) -> None:
    from tf2_ros import StaticTransformBroadcaster

    node = start("-p", "target_frame:=base_link")
    node.wait_for_models()
    heard = node.hear(PoseStamped, "segment_node/pose")

    def ask(second: int):
        node.publish(camera_info(second), "camera_info", counted="camera_info received")
        node.publish(depth(second), "depth", counted="depth received")
        node.publish(node.frame(second=second))
        return node.client.refer_by_topic("the red block")

    assert ask(1).has_position
    node.wait_for_log("no pose in 'base_link'")
    assert heard == []
    # The optical frame stands half a metre above base_link and looks along its x axis (REP 103).
    transform = TransformStamped(header=Header(frame_id="base_link"), child_frame_id="optical")
    transform.transform.translation.z = 0.5
    turn = transform.transform.rotation
    turn.x, turn.y, turn.z, turn.w = -0.5, 0.5, -0.5, 0.5
    broadcaster = StaticTransformBroadcaster(node.client.node)
    broadcaster.sendTransform(transform)

    def turned():
        found = ask(2 + len(heard))
        return (heard[-1], found) if heard else None

    pose, found = node.client.wait_for(turned, "a pose in base_link")
    assert pose.header.frame_id == "base_link" and pose.header.stamp == found.header.stamp
    there, here = pose.pose.position, found.pose.position
    assert (there.x, there.y, there.z) == pytest.approx((here.z, -here.x, 0.5 - here.y), abs=1e-6)
    turn = pose.pose.orientation
    assert math.hypot(turn.x, turn.y, turn.z, turn.w) == pytest.approx(1)
    assert "Traceback" not in node.log
