"""The node and cameras: what is published is read, as it is published, and a word of why when nothing comes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image, PointCloud2

from hybridgl_ros.ros.common.dds import DDS_VARIABLES

CAMERA = Path(__file__).with_name("camera.py")
FRAMES = 8
RATE = 5
RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT


@pytest.fixture(scope="module")
def node(run_node: Callable):
    """A node for the cameras of this module, one after another."""
    node = run_node("-p", "image_timeout:=1.0")
    node.wait_for_models()
    return node


@pytest.fixture
def camera(spawn: Callable, node) -> Iterator[Callable]:
    """Starts a camera process that ends with the test; gives its log file."""
    processes = []

    def run(*arguments: object, environment: dict[str, str] | None = None) -> Path:
        process, logfile = spawn(CAMERA, node.topic("image"), *map(str, arguments), environment=environment)
        processes.append(process)
        return logfile

    yield run
    for process in processes:
        process.terminate()
        process.wait(60)
    publishers = node.client.node.count_publishers
    node.client.wait_for(lambda: publishers(node.topic("image")) == 0 or None, "the camera's end")


def status(node, until: Callable[[DiagnosticStatus], bool], what: str) -> DiagnosticStatus:
    """The next diagnostics of which something is true."""
    heard: list[DiagnosticStatus] = []

    def hear(array: DiagnosticArray) -> None:
        heard.extend(entry for entry in array.status if entry.name.endswith(node.topic("segment_node")))

    subscription = node.client.node.create_subscription(DiagnosticArray, "/diagnostics", hear, 10)
    found = node.client.wait_for(lambda: next(filter(until, heard), None), what)
    node.client.node.destroy_subscription(subscription)
    return found


def asked_for(node, topic: str = "image") -> list[ReliabilityPolicy]:
    """The reliability of the node's subscriptions."""
    found = node.client.node.get_subscriptions_info_by_topic(node.topic(topic))
    return [info.qos_profile.reliability for info in found if info.node_name == "segment_node"]


@pytest.mark.parametrize("size", [(640, 480), (1920, 1080)])
@pytest.mark.parametrize("reliability", ["reliable", "best_effort"])
def test_no_frame_is_lost(node, camera: Callable, size: tuple[int, int], reliability: str) -> None:
    before = node.client.diagnostics()
    log = camera(*size, reliability, FRAMES, RATE)
    node.client.wait_for(lambda: "all frames sent" in log.read_text() or None, "all frames")
    wanted = int(before["frames received"]) + FRAMES
    node.client.wait_for(
        lambda: int(node.client.diagnostics()["frames received"]) >= wanted or None, "as many frames", timeout=20
    )
    after = node.client.diagnostics()
    assert int(after["frames received"]) == wanted
    assert after["frames lost"] == before["frames lost"]


def test_lost_frames_are_counted_and_told(node, camera: Callable) -> None:
    usual = {name: value for name, value in os.environ.items() if name not in DDS_VARIABLES}
    camera(1920, 1080, "best_effort", 1000, 10, environment={**usual, "FASTDDS_BUILTIN_TRANSPORTS": "DEFAULT"})
    node.client.wait_for(lambda: int(node.client.diagnostics()["frames lost"]) or None, "lost frames")
    node.wait_for_log("are lost on their way")


def test_the_subscription_follows_what_is_offered(node) -> None:
    client = node.client

    def publish(reliability: ReliabilityPolicy):
        return client.node.create_publisher(Image, node.topic("image"), QoSProfile(depth=1, reliability=reliability))

    def wait_for(reliability: ReliabilityPolicy) -> None:
        client.wait_for(lambda: asked_for(node) == [reliability] or None, f"a subscription of {reliability.name}")

    reliable = publish(RELIABLE)
    wait_for(RELIABLE)
    best_effort = publish(BEST_EFFORT)
    wait_for(BEST_EFFORT)
    client.node.destroy_publisher(best_effort)
    wait_for(RELIABLE)
    client.node.destroy_publisher(reliable)


def test_explicit_overrides_win(start) -> None:
    topic = "/followed_not"
    prefix = f"qos_overrides.{topic}.subscription"
    node = start("-r", f"image:={topic}", "-p", f"{prefix}.reliability:=best_effort", "-p", f"{prefix}.depth:=7")
    node.wait_for_models()
    publisher = node.client.node.create_publisher(Image, topic, QoSProfile(depth=1, reliability=RELIABLE))
    node.client.wait_for(lambda: publisher.get_subscription_count() or None, "the subscription")
    node.client.diagnostics()
    node.client.diagnostics()
    (found,) = node.client.node.get_subscriptions_info_by_topic(topic)
    assert found.qos_profile.reliability == BEST_EFFORT
    node.client.node.destroy_publisher(publisher)


def test_a_picture_that_was_published_before_the_node_came(start) -> None:
    node = start("-r", "image:=/latched")
    latched = QoSProfile(depth=1, reliability=RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = node.client.node.create_publisher(Image, "/latched", latched)
    publisher.publish(node.frame(second=9))
    node.wait_for_models()
    node.client.wait_for(lambda: int(node.client.diagnostics()["frames received"]) or None, "the picture")
    assert node.client.refer("the red block").objects[0].header.stamp.sec == 9
    node.client.node.destroy_publisher(publisher)


def test_of_raw_and_compressed_one_is_read(start) -> None:
    node = start()
    client = node.client
    node.wait_for_models()
    picture = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    packed = client.node.create_publisher(CompressedImage, node.topic("image/compressed"), 1)
    raw = client.node.create_publisher(Image, node.topic("image"), 1)
    client.wait_for(lambda: raw.get_subscription_count() or None, "a subscription to raw images")
    client.wait_for(lambda: packed.get_subscription_count() == 0 or None, "no other")

    def received() -> int:
        return int(client.diagnostics()["frames received"])

    for count in range(1, 4):
        packed.publish(CompressedImage(format="png", data=picture))
        raw.publish(node.frame(second=count))
        client.wait_for(lambda count=count: received() >= count or None, "a frame")
    assert received() == 3
    client.node.destroy_publisher(raw)
    client.wait_for(lambda: packed.get_subscription_count() or None, "a subscription to compressed images")
    packed.publish(CompressedImage(format="png", data=picture))
    client.wait_for(lambda: received() == 4 or None, "the compressed frame")
    raw = client.node.create_publisher(Image, node.topic("image"), 1)
    client.wait_for(lambda: raw.get_subscription_count() or None, "a subscription to raw images again")
    client.wait_for(lambda: packed.get_subscription_count() == 0 or None, "no other")
    for publisher in (raw, packed):
        client.node.destroy_publisher(publisher)


def test_silence_is_explained_until_it_ends(start) -> None:
    node = start("-p", "image_timeout:=1.0")
    client = node.client
    node.wait_for_models()
    found = status(node, lambda entry: "nobody publishes" in entry.message, "no camera")
    assert found.level == DiagnosticStatus.WARN
    assert node.topic("image") in found.message
    node.wait_for_log("nobody publishes it")

    elsewhere = client.node.create_publisher(Image, node.topic("camera/image"), 1)
    text = f"Remap with -r image:={node.topic('camera/image')}"
    status(node, lambda entry: text in entry.message, "the camera elsewhere")
    node.wait_for_log(text)
    assert "/mask" not in node.log
    assert "/overlay" not in node.log

    wrong = client.node.create_publisher(PointCloud2, node.topic("image"), 1)
    text = "is wanted as sensor_msgs/msg/Image, but has 1 publisher: segment_client"
    found = status(node, lambda entry: text in entry.message, "the wrong type")
    assert "sensor_msgs/msg/PointCloud2, reliable, volatile" in found.message
    node.wait_for_log(text)
    client.node.destroy_publisher(wrong)

    right = client.node.create_publisher(Image, node.topic("image"), 1)
    client.wait_for(lambda: right.get_subscription_count() or None, "the subscription")
    right.publish(node.frame())
    status(node, lambda entry: entry.level == DiagnosticStatus.OK, "a good state")
    found = status(node, lambda entry: entry.level == DiagnosticStatus.STALE, "a camera that died")
    assert "1 publisher: segment_client" in found.message
    assert "but nothing arrives" in found.message
    assert float({pair.key: pair.value for pair in found.values}["newest frame age (s)"]) > 1.0
    node.wait_for_log("but nothing arrives")
    for publisher in (elsewhere, right):
        client.node.destroy_publisher(publisher)
