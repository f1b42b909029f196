"""The camera side of a node: newest good frame, raw or compressed, and a word of why when there is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image

from hybridgl_ros.errors import ImageError
from hybridgl_ros.pixels import check_message
from hybridgl_ros.ros.common.conversion import image_from_message
from hybridgl_ros.ros.common.graph import COMPRESSED_SUFFIX, IMAGE_TYPES, Offer, described, explain_silence, offers
from hybridgl_ros.ros.common.qos import FRAMES, follow, overridden
from hybridgl_ros.ros.common.serialized import picture_of
from hybridgl_ros.ros.segment.depth_input import DepthInput
from hybridgl_ros.ros.segment.job import Frame
from hybridgl_ros.ros.segment.mailbox import Mailbox

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError

RAW, COMPRESSED = IMAGE_TYPES
MESSAGES = {RAW: Image, COMPRESSED: CompressedImage}


class ImageInput:
    """The subscription to `image` or `image/compressed`, and the mailbox it fills.

    It takes the QoS that the publishers offer and follows them when they change; `qos_overrides` parameters win.
    transport: raw, compressed or auto, which reads the compressed topic only while nobody publishes the raw one.
    depth: the depth of the pictures. on_frame: called after each good frame. on_bad: called with the reason for each
    image that cannot be read.
    """

    def __init__(
        self,
        node: Node,
        transport: str,
        depth: DepthInput,
        *,
        on_frame: Callable[[], None],
        on_bad: Callable[[str], None],
    ) -> None:
        self._node = node
        self._depth = depth
        self._on_frame = on_frame
        self._on_bad = on_bad
        self._last_frame: float | None = None
        self._last_sign = time.monotonic()
        self._explained = ""
        self._subscription: Any = None
        self._qos: tuple[Any, Any] | None = None
        self._heard = False
        self._opened = False
        self.lost = 0
        self.frames: Mailbox[Frame] = Mailbox()
        # Remapping moves `image` alone; its compressed companion goes with it, as with image_transport.
        raw_topic = node.resolve_topic_name("image")
        names = {RAW: raw_topic, COMPRESSED: raw_topic + COMPRESSED_SUFFIX}
        kinds = {"raw": (RAW,), "compressed": (COMPRESSED,)}.get(transport, (RAW, COMPRESSED))
        self._topics = {kind: names[kind] for kind in kinds}
        self._wanted = {kind: overridden(node, topic, "subscription", FRAMES) for kind, topic in self._topics.items()}
        self._kind = kinds[0]

    def open(self) -> None:
        """Subscribe; again, when it was closed."""
        if not self._opened:
            self._opened, self._explained, self._last_sign = True, "", time.monotonic()
            self.adapt()

    def close(self) -> None:
        """Subscribe no more, and forget the newest frame."""
        self._opened = False
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._subscription = self._last_frame = None
        self.frames.clear()

    @property
    def topic(self) -> str:
        """The topic that is read."""
        return self._topics[self._kind]

    @property
    def age(self) -> float | None:
        """Seconds since the newest good frame came; None before the first."""
        return None if self._last_frame is None else time.monotonic() - self._last_frame

    def silence(self, timeout: float) -> str:
        """Why no image has come for so many seconds, or has ever come; empty while images come."""
        age = self.age
        if age is not None and age <= timeout:
            return ""
        since = "yet" if age is None else f"for {age:.0f} s"
        return f"no image has arrived on {self._read()} {since}: {self._explain()}"

    def watch(self, timeout: float) -> None:
        """To be called about once a second: follows the publishers, and logs why nothing comes when that changes."""
        if not self._opened:
            return
        self.adapt()
        logger = self._node.get_logger()
        if time.monotonic() - self._last_sign <= timeout:
            if self._explained:
                logger.info(f"images arrive on {self.topic}")
            self._explained = ""
            return
        reason = self._explain()
        if reason != self._explained:
            self._explained = reason
            logger.warning(f"no image on {self._read()} for {timeout:g} s: {reason}")

    def values(self) -> dict[str, object]:
        """What the diagnostics tell of the camera."""
        age = self.age
        asked = "" if self._qos is None else ", ".join(policy.name.lower() for policy in self._qos)
        return {
            "image topic": self.topic,
            "image subscription": asked if self._opened else "closed",
            "image publishers": described(offers(self._node, self.topic)),
            "frames received": self.frames.received,
            "newest frame age (s)": "" if age is None else f"{age:.1f}",
            "frames skipped": self.frames.skipped,
            "frames lost": self.lost,
        }

    def adapt(self) -> None:
        """Read the topic that is published, as it is published."""
        found = {kind: self._matching(kind) for kind in self._topics}
        kind = next((kind for kind, there in found.items() if there), self._kind)
        profile = follow(self._wanted[kind], [offer.qos for offer in found[kind]])
        if self._subscription is not None and kind == self._kind:
            if self._heard and self._qos and profile.reliability == self._qos[0]:
                # Another durability would only bring the frames once more that a publisher keeps for latecomers.
                return
            if self._qos == (profile.reliability, profile.durability):
                return
        if kind != self._kind:
            self._node.get_logger().info(f"reading {self._topics[kind]}, which is published, not {self.topic}")
        self._subscribe(kind, profile)

    def _matching(self, kind: str) -> list[Offer]:
        return [offer for offer in offers(self._node, self._topics[kind]) if offer.type == kind]

    def _subscribe(self, kind: str, profile: QoSProfile) -> None:
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._kind, self._heard, self._qos = kind, False, (profile.reliability, profile.durability)
        try:
            self._subscription = self._create(kind, profile, message_lost=self._on_lost)
        except UnsupportedEventTypeError:
            self._subscription = self._create(kind, profile)

    def _create(self, kind: str, profile: QoSProfile, **events: Any) -> Any:
        return self._node.create_subscription(
            MESSAGES[kind],
            self._topics[kind],
            partial(self._receive, kind),
            profile,
            raw=True,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible, **events),
        )

    def _receive(self, kind: str, data: bytes) -> None:
        if not self._opened:
            return
        self._last_sign = time.monotonic()
        self._heard = True
        try:
            header, message = picture_of(data, MESSAGES[kind])
            check_message(message)
        except ImageError as error:
            self._on_bad(str(error))
            return
        self._last_frame = self._last_sign
        self.frames.put(Frame(header, partial(image_from_message, message), self._depth.of(header)))
        self._on_frame()

    def _on_lost(self, event: Any) -> None:
        if not self.lost:
            self._node.get_logger().warning(
                f"images on {self.topic} are lost on their way. Larger ones than the sender's shared memory segment"
                " are: start the camera driver with the DDS profile of this package (see its README)"
            )
        self.lost += event.total_count_change

    def _on_incompatible(self, event: Any) -> None:
        before = self._subscription
        self.adapt()
        if self._subscription is before:
            policy = getattr(event.last_policy_kind, "name", event.last_policy_kind)
            self._node.get_logger().warning(
                f"a publisher of {self.topic} offers another QoS than this node asks for ({policy}); its images do"
                f" not arrive. Change the parameters qos_overrides.{self.topic}.subscription.* to match it"
            )

    def _read(self) -> str:
        return " or ".join(self._topics.values())

    def _explain(self) -> str:
        reason = explain_silence(self._node, {topic: kind for kind, topic in self._topics.items()})
        return f"{reason}; images were lost on their way" if self.lost else reason
