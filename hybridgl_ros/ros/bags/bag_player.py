"""Plays a bag into a running node: its messages with its timing, and its time as /clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from builtin_interfaces.msg import Time
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from hybridgl_ros.evaluation.datasets.bag import stamp_of
from hybridgl_ros.evaluation.datasets.bag_file import (
    CAMERA_INFO,
    COMPRESSED_IMAGE,
    IMAGE,
    SECOND,
    STRING,
    Bag,
    Topics,
)
from hybridgl_ros.ros.common.qos import RESULTS

TYPES = {IMAGE: Image, COMPRESSED_IMAGE: CompressedImage, CAMERA_INFO: CameraInfo, STRING: String}
# As `ros2 bag play --clock` has it.
CLOCK_PERIOD = 1 / 40
NAME = "bag_player"


class BagPlayer:
    """Publishes `image` (or `image/compressed`), `expression`, and what the bag has of `camera_info` and `depth`.

    The bag's topics become these, whatever they are called there; remapping moves them like those of segment_node.
    Messages are published as they were recorded, stamps untouched. Needs no rosbag2_py and no executor.
    Raises DatasetError when a topic is of another type.

    published: header stamp of each image (ns), and when it was published, in seconds of time.monotonic().
    """

    def __init__(self, bag: Bag, topics: Topics, namespace: str = "") -> None:
        self._bag = bag
        self._topics = topics
        self.published: dict[int, float] = {}
        self.node = Node(NAME, namespace=namespace, start_parameter_services=False)
        self.image_topic = self.node.resolve_topic_name("image")
        self.expression_topic = self.node.resolve_topic_name("expression")
        try:
            targets = self._targets()
        except Exception:
            self.node.destroy_node()
            raise
        # Reliable, so that subscriptions of either kind match.
        self._publishers = {
            topic: self.node.create_publisher(TYPES[bag.topics[topic]], target, RESULTS)
            for topic, target in targets.items()
        }
        self._clock = self.node.create_publisher(Clock, "/clock", RESULTS)

    def is_heard_by(self, node: str) -> bool:
        """Whether a node (fully qualified name) listens to the images and the expressions."""
        return all(self._reaches(topic, node) for topic in (self._topics.image, self._topics.expression))

    def others(self, known: str) -> list[str]:
        """Who else publishes images or expressions on the same topics, but for one known node."""
        own = {self.node.get_fully_qualified_name(), known}
        topics = (self._publishers[topic].topic_name for topic in (self._topics.image, self._topics.expression))
        infos = [info for topic in topics for info in self.node.get_publishers_info_by_topic(topic)]
        names = {f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in infos}
        return sorted(names - own)

    def play(self, pause: Callable[[float], None], rate: float = 1.0, stop: int | None = None) -> None:
        """Publish the bag from its start to its end, or to a bag time (ns), `rate` times as fast as recorded.

        rate: infinite for without any pause. pause: called at least once a message to pass the time, with the longest
        time in seconds it may take.
        Raises DatasetError when the bag is damaged.
        """
        origin: tuple[float, int] | None = None
        for message in self._bag.messages(list(self._publishers), stop=stop):
            pause(0.0)
            if origin is None:
                origin = time.monotonic(), message.time
            if math.isfinite(rate):
                self._wait_until(message.time, origin, rate, pause)
            self._tick(message.time)
            if message.topic == self._topics.image:
                self.published[stamp_of(message.content)] = time.monotonic()
            self._publishers[message.topic].publish(bytes(message.cdr()))

    def close(self) -> None:
        """Give the node back."""
        self.node.destroy_node()

    def _targets(self) -> dict[str, str]:
        """The bag's topics and where they are published."""
        kinds = {
            self._topics.image: ("image", (IMAGE, COMPRESSED_IMAGE)),
            self._topics.expression: ("expression", (STRING,)),
            self._topics.camera_info: ("camera_info", (CAMERA_INFO,)),
            self._topics.depth: ("depth", (IMAGE,)),
        }
        optional = (self._topics.camera_info, self._topics.depth)
        targets = {}
        for topic, (target, types) in kinds.items():
            if topic in self._bag.topics or topic not in optional:
                kind = self._bag.require(topic, *types)
                targets[topic] = f"{self.image_topic}/compressed" if kind == COMPRESSED_IMAGE else target
        return targets

    def _reaches(self, topic: str, node: str) -> bool:
        publisher = self._publishers[topic]
        listeners = self.node.get_subscriptions_info_by_topic(publisher.topic_name)
        names = [f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in listeners]
        return node in names and publisher.get_subscription_count() > 0

    def _wait_until(self, due: int, origin: tuple[float, int], rate: float, pause: Callable[[float], None]) -> None:
        """Let the bag's time run until it is due."""
        started, first = origin
        next_tick = 0.0
        while True:
            now = time.monotonic()
            bag_time = first + int((now - started) * rate * SECOND)
            if bag_time >= due:
                return
            if now >= next_tick:
                self._tick(bag_time)
                next_tick = now + CLOCK_PERIOD
            pause(min(CLOCK_PERIOD, (due - bag_time) / rate / SECOND))

    def _tick(self, bag_time: int) -> None:
        seconds, nanoseconds = divmod(bag_time, SECOND)
        self._clock.publish(Clock(clock=Time(sec=seconds, nanosec=nanoseconds)))
