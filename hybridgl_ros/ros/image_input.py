"""The camera side of a node: newest good frame, raw or compressed, and a word of why when there is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from hybridgl_ros.errors import ImageError
from hybridgl_ros.pixels import check_message
from hybridgl_ros.ros.conversion import image_from_message
from hybridgl_ros.ros.mailbox import Mailbox
from hybridgl_ros.ros.qos import FRAMES, overridable
from hybridgl_ros.ros.worker import Frame

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")


class ImageInput:
    """Subscriptions to `image` and `image/compressed`, and the mailbox they fill.

    transport: raw, compressed or auto, which turns to the compressed topic when only that has a publisher.
    on_frame: called after each good frame. on_bad: called with the reason for each image that cannot be read.
    """

    def __init__(
        self, node: Node, transport: str, *, on_frame: Callable[[], None], on_bad: Callable[[str], None]
    ) -> None:
        self._node = node
        self._transport = transport
        self._on_frame = on_frame
        self._on_bad = on_bad
        self._topics: dict[str, type] = {}
        self._last_sign = time.monotonic()
        self._hinted = False
        self.frames: Mailbox[Frame] = Mailbox()
        # Remapping moves `image` alone; its compressed companion goes with it, as with image_transport.
        self.raw_topic = node.resolve_topic_name("image")
        self.compressed_topic = f"{self.raw_topic}/compressed"
        if transport == "compressed":
            self._subscribe(CompressedImage, self.compressed_topic)
        else:
            self._subscribe(Image, self.raw_topic)

    @property
    def topic(self) -> str:
        """The topics that are read, for messages to a person."""
        return " and ".join(self._topics)

    def watch(self, timeout: float) -> None:
        """To be called about once a second: finds the compressed topic, and logs once when nothing comes."""
        if self._transport == "auto" and self.compressed_topic not in self._topics and self._only_compressed():
            self._node.get_logger().info(f"nothing publishes {self.raw_topic}; reading {self.compressed_topic}")
            self._subscribe(CompressedImage, self.compressed_topic)
        if not self._hinted and time.monotonic() - self._last_sign > timeout:
            self._hinted = True
            self._node.get_logger().warning(f"no image on {self.topic} for {timeout:g} s: {self._explain_silence()}")

    def _subscribe(self, kind: type, topic: str) -> None:
        self._topics[topic] = kind
        self._node.create_subscription(
            kind,
            topic,
            self._receive,
            FRAMES,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=partial(self._incompatible, topic)),
            qos_overriding_options=overridable(),
        )

    def _receive(self, message: Any) -> None:
        self._last_sign = time.monotonic()
        self._hinted = False
        try:
            check_message(message)
        except ImageError as error:
            self._on_bad(str(error))
            return
        self.frames.put(Frame(message.header, partial(image_from_message, message)))
        self._on_frame()

    def _incompatible(self, topic: str, event: Any) -> None:
        policy = getattr(event.last_policy_kind, "name", event.last_policy_kind)
        self._node.get_logger().warning(
            f"a publisher of {topic} offers another QoS than this node asks for ({policy}); its images do not arrive. "
            f"Set the parameters qos_overrides.{topic}.subscription.* to match it"
        )

    def _only_compressed(self) -> bool:
        count = self._node.count_publishers
        return count(self.raw_topic) == 0 and count(self.compressed_topic) > 0

    def _explain_silence(self) -> str:
        publishers = [info for topic in self._topics for info in self._node.get_publishers_info_by_topic(topic)]
        if publishers:
            offers = ", ".join(
                f"{info.node_name} ({info.topic_type}, {info.qos_profile.reliability.name},"
                f" {info.qos_profile.durability.name})"
                for info in publishers
            )
            return f"it is published by {offers}, but nothing arrives"
        seen = [
            name
            for name, types in self._node.get_topic_names_and_types()
            if any(kind in IMAGE_TYPES for kind in types) and self._node.count_publishers(name)
        ]
        return f"nobody publishes it; image topics seen: {', '.join(seen) or 'none'}. Remap with -r image:=TOPIC"
