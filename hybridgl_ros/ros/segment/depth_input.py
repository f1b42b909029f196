"""The depth side of a node: depth and calibration that belong to a picture, and a word of why when there are none."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from hybridgl_ros.errors import ImageError, PlaceError
from hybridgl_ros.metric.registration import RegisteredDepth, registered
from hybridgl_ros.ros.common.graph import described, offers
from hybridgl_ros.ros.common.qos import FRAMES, follow, overridden
from hybridgl_ros.ros.common.settings import SegmentSettings
from hybridgl_ros.ros.segment.matching import SECOND, Matching, Wanted

COMPRESSED_DEPTH = "/compressedDepth"


class FollowingSubscription:
    """A subscription that takes the QoS that the publishers offer, and follows them; `qos_overrides` win.

    There is one from `open` to `close`. offered: whether there were publishers at the last look.
    """

    def __init__(self, node: Node, kind: type, topic: str, receive: Callable[[Any], None]) -> None:
        self.topic = node.resolve_topic_name(topic)
        self._node, self._kind, self._receive = node, kind, receive
        self._wanted = overridden(node, self.topic, "subscription", FRAMES)
        self._qos: tuple[Any, Any] | None = None
        self._subscription: Any = None
        self._opened = False
        # Opened and closed in transitions, adapted by a timer.
        self._lock = threading.Lock()
        self.offered = False

    def open(self) -> None:
        """Subscribe; again, when it was closed."""
        self._opened = True
        self.adapt()

    def close(self) -> None:
        """Subscribe no more."""
        with self._lock:
            self._opened = self.offered = False
            self._drop()

    def adapt(self) -> None:
        """Read the topic as it is published now, while it is open."""
        with self._lock:
            if not self._opened:
                return
            found = offers(self._node, self.topic)
            self.offered = bool(found)
            profile = follow(self._wanted, [offer.qos for offer in found])
            if self._qos == (profile.reliability, profile.durability):
                return
            self._drop()
            self._qos = profile.reliability, profile.durability
            self._subscription = self._node.create_subscription(self._kind, self.topic, self._take, profile)

    def _drop(self) -> None:
        subscription, self._subscription, self._qos = self._subscription, None, None
        if subscription is not None:
            self._node.destroy_subscription(subscription)

    def _take(self, message: Any) -> None:
        if self._opened:
            self._receive(message)


class DepthInput:
    """The subscriptions to `depth` and `camera_info`, from `open` to `close`.

    settings: gives the node's settings as they are now. The depth of a picture is the nearest by stamp within
    `depth_slop`; its calibration the nearest there is, because drivers send that seldom.
    """

    def __init__(self, node: Node, settings: Callable[[], SegmentSettings]) -> None:
        self._node = node
        self._settings = settings
        self._depths: Matching[Any] = Matching()
        self._cameras: Matching[Any] = Matching()
        self._newest: Wanted[Any] | None = None
        self._refused = ""
        compressed = settings().depth_transport == "compressedDepth"
        topic = node.resolve_topic_name("depth") + (COMPRESSED_DEPTH if compressed else "")
        self._depth = FollowingSubscription(
            node, CompressedImage if compressed else Image, topic, lambda message: take(self._depths, message)
        )
        self._camera = FollowingSubscription(
            node, CameraInfo, "camera_info", lambda message: take(self._cameras, message)
        )

    def open(self) -> None:
        """Subscribe; again, when it was closed."""
        self._depth.open()
        self._camera.open()

    def close(self) -> None:
        """Subscribe no more, and forget what came."""
        self._depth.close()
        self._camera.close()
        self._depths.clear()
        self._cameras.clear()
        self._newest, self._refused = None, ""

    def adapt(self) -> None:
        """To be called about once a second: follows the publishers."""
        self._depth.adapt()
        self._camera.adapt()

    def of(self, header: Any) -> Callable[[int, int], RegisteredDepth]:
        """What gives the depth of a picture that has just come, by its height and width, or raises PlaceError.

        It waits for depth that is on its way, until `depth_slop` after the picture's coming at the longest.
        """
        stamp = stamp_of(header)
        depth, camera = self._depths.want(stamp), self._cameras.want(stamp)
        self._newest = depth

        def read(height: int, width: int) -> RegisteredDepth:
            try:
                found = self._registered(depth, camera, header.frame_id, height, width)
            except (PlaceError, ImageError) as error:
                self._refused = str(error)
                raise PlaceError(str(error)) from None
            self._refused = ""
            return found

        return read

    def problem(self) -> str:
        """Why depth that is published is of no use, as far as is known; empty without any."""
        if not self._published():
            return ""
        if self._newest is not None and self._depths.received:
            lag = self._newest.lag
            if lag is not None and abs(lag) > self._settings().depth_slop:
                return self._late(lag)
        return self._refused

    def values(self) -> dict[str, object]:
        """What the diagnostics tell of depth."""
        return {
            "depth topic": self._depth.topic,
            "depth publishers": described(offers(self._node, self._depth.topic)),
            "depth received": self._depths.received,
            "camera_info received": self._cameras.received,
            "depth problem": self.problem(),
        }

    def _registered(
        self, depth: Wanted[Any], camera: Wanted[Any], frame: str, height: int, width: int
    ) -> RegisteredDepth:
        settings = self._settings()
        if not self._published():
            raise PlaceError(f"there is no depth: nobody publishes {self._depth.topic}")
        message = depth.within(settings.depth_slop)
        if message is None:
            lag = depth.lag
            raise PlaceError(f"no depth has arrived on {self._depth.topic}" if lag is None else self._late(lag))
        info = camera.nearest()
        if info is None:
            raise PlaceError(f"no calibration has arrived on {self._camera.topic}")
        return registered(message, info, frame=frame, height=height, width=width, rectified=settings.rectified)

    def _published(self) -> bool:
        # Asked in the worker's thread, when the graph may be gone.
        return bool(self._depths.received) or self._depth.offered

    def _late(self, lag: float) -> str:
        return (
            f"depth and picture are not synchronised: the nearest on {self._depth.topic} is {abs(lag):.3f} s "
            f"{'later' if lag > 0 else 'earlier'}, depth_slop is {self._settings().depth_slop:g} s"
        )


def take(matching: Matching[Any], message: Any) -> None:
    matching.put(stamp_of(message.header), message)


def stamp_of(header: Any) -> int:
    """Nanoseconds."""
    return header.stamp.sec * SECOND + header.stamp.nanosec
