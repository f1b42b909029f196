"""Depth beside the pictures: places in results, as a pose, points and markers; and why there are none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from hybridgl_ros.ros.common.conversion import image_message

HEIGHT, WIDTH, FOCAL = 32, 48, 40.0
FAR = 1.25


@pytest.fixture(scope="module")
def node(run_node):
    """A node of these tests; the pictures come with stamps of their own."""
    node = run_node()
    node.wait_for_models()
    return node


def depth(second: int, encoding: str = "32FC1", factor: int = 1, frame: str = "optical", metres: float = FAR):
    values = np.full((factor * HEIGHT, factor * WIDTH), metres, np.float32)
    pixels = values if encoding == "32FC1" else (1000 * values).astype(np.uint16)
    message = image_message(pixels, encoding, Header(frame_id=frame))
    message.header.stamp.sec = second
    return message


def camera_info(second: int, **changes) -> CameraInfo:
    matrix = [FOCAL, 0.0, (WIDTH - 1) / 2, 0.0, FOCAL, (HEIGHT - 1) / 2, 0.0, 0.0, 1.0]
    message = CameraInfo(header=Header(frame_id="optical"), height=HEIGHT, width=WIDTH, k=matrix, d=[0.0] * 5)
    message.header.stamp.sec = second
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def show(node, second: int, *messages) -> None:
    """Publish what comes beside a picture, then the picture."""
    for message in messages:
        topic = "camera_info" if isinstance(message, CameraInfo) else "depth"
        node.publish(message, topic, counted=f"{topic} received")
    node.publish(node.frame(second=second))


def ask(node):
    (found,) = node.client.refer("the red block").objects
    assert found.found
    return found


def assert_unknown(found) -> None:
    assert not found.has_position
    assert math.isnan(found.distance) and math.isnan(found.pose.position.z) and math.isnan(found.extent.x)


def test_without_depth_the_answer_is_flat_and_says_so(node) -> None:
    show(node, 1)
    found = ask(node)
    assert_unknown(found)
    assert "nobody publishes" in found.position_reason and node.topic("depth") in found.position_reason
    assert node.client.diagnostics()["depth problem"] == ""


@pytest.mark.parametrize(("second", "encoding", "factor"), [(10, "32FC1", 1), (11, "16UC1", 1), (12, "32FC1", 2)])
def test_places_with_depth_of_either_kind_and_of_another_size(node, second: int, encoding: str, factor: int) -> None:
    show(node, second, depth(second, encoding, factor), camera_info(second))
    found = ask(node)
    assert found.has_position and not found.position_reason
    # The block's middle column of pixels is left of the picture's.
    assert found.pose.position.x == pytest.approx((7.5 - (WIDTH - 1) / 2) / FOCAL * FAR, abs=0.06)
    assert found.pose.position.z == pytest.approx(FAR, abs=0.3)
    position = (found.pose.position.x, found.pose.position.y, found.pose.position.z)
    assert found.distance == pytest.approx(math.hypot(*position), rel=1e-5)
    turn = found.pose.orientation
    assert math.hypot(turn.x, turn.y, turn.z, turn.w) == pytest.approx(1)


def test_pose_points_and_markers_of_an_answer(node) -> None:
    heard = {
        topic: node.hear(kind, f"segment_node/{topic}")
        for topic, kind in {"pose": PoseStamped, "cloud": PointCloud2, "markers": MarkerArray}.items()
    }
    show(node, 20, depth(20), camera_info(20))
    result = node.client.refer_by_topic("the red block")
    pose, cloud, markers = (node.client.wait_for(lambda k=k: heard[k] or None, k)[-1] for k in heard)
    assert pose.pose == result.pose
    assert pose.header == cloud.header == result.header and result.header.frame_id == "optical"
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "rgb"]
    points = np.frombuffer(cloud.data, np.float32).reshape(-1, 4)
    assert len(points) == cloud.width * cloud.height > 0
    assert points[:, 2] == pytest.approx(FAR)
    assert (points[:, 3].view(np.uint32) == 0xFF0000).all()
    cleared, box, text = markers.markers
    assert cleared.action == Marker.DELETEALL and box.type == Marker.CUBE
    assert box.pose == result.pose and box.scale == result.extent
    assert text.text.startswith("the red block (")
    node.client.refer_by_topic("the nameless one")
    node.client.wait_for(lambda: (len(heard["cloud"]) > 1 and len(heard["markers"]) > 1) or None, "what clears")
    assert heard["cloud"][-1].width == 0 and len(heard["markers"][-1].markers) == 1
    assert len(heard["pose"]) == 1


@pytest.mark.parametrize(
    ("second", "beside", "reason"),
    [
        (30, (depth(27), camera_info(30)), "not synchronised"),
        (40, (depth(40, frame="depth_optical"), camera_info(40)), "registered"),
        (50, (depth(50), camera_info(50, d=[0.1, 0.0, 0.0, 0.0, 0.0])), "rectified"),
        (60, (depth(60, metres=0.0), camera_info(60)), "0 pixels of the object have depth"),
        (70, (depth(70), camera_info(70, height=48)), "another shape"),
    ],
)
def test_depth_that_cannot_be_used_is_named_and_costs_nothing_else(node, second: int, beside, reason: str) -> None:
    show(node, second, *beside)
    found = ask(node)
    assert_unknown(found)
    assert reason in found.position_reason
    node.assert_still_good()


def test_the_diagnostics_name_depth_that_is_not_synchronised(node) -> None:
    show(node, 80, depth(90))
    assert "not synchronised" in node.client.diagnostics()["depth problem"]
    show(node, 90)
    assert "not synchronised" not in node.client.diagnostics()["depth problem"]


def test_deactivation_forgets_depth_and_calibration(node) -> None:
    show(node, 100, depth(100), camera_info(100))
    assert ask(node).has_position
    assert node.transit("deactivate") and node.transit("activate")
    show(node, 100)
    assert "no depth has arrived" in ask(node).position_reason
    show(node, 101, depth(101))
    assert "no calibration has arrived" in ask(node).position_reason
    show(node, 102, depth(102), camera_info(102))
    assert ask(node).has_position
