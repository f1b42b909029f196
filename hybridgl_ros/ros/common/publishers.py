"""Publishers whose quality of service parameters may override, and whether anybody listens to them."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from hybridgl_ros.ros.common.qos import RESULTS, overridden


def publisher_of(node: Node, kind: type, topic: str, default: QoSProfile = RESULTS) -> Publisher:
    """A publisher of what `qos_overrides.<topic>.publisher.*` say. Raises ConfigError for a bad one."""
    profile = overridden(node, node.resolve_topic_name(topic), "publisher", default)
    return node.create_publisher(kind, topic, profile)


def heard(publisher: Publisher) -> bool:
    """Whether anybody listens: messages with pictures cost time even when nobody does."""
    return publisher.get_subscription_count() > 0
