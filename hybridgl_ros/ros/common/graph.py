"""What the ROS graph tells of image topics: who publishes, how, and which other topics a person may have meant."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from rclpy.node import Node
from rclpy.qos import QoSProfile

COMPRESSED_SUFFIX = "/compressed"
IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
TOPICS_NAMED = 5
PUBLISHERS_NAMED = 3


@dataclass(frozen=True)
class Offer:
    """One publisher of a topic."""

    node: str
    type: str
    qos: QoSProfile

    def __str__(self) -> str:
        return f"{self.node} ({self.type}, {self.qos.reliability.name.lower()}, {self.qos.durability.name.lower()})"


def offers(node: Node, topic: str) -> list[Offer]:
    """The publishers of a topic, by name; the node's own do not count."""
    own = (node.get_name(), node.get_namespace())
    found = [
        Offer(info.node_name, info.topic_type, info.qos_profile)
        for info in node.get_publishers_info_by_topic(topic)
        if (info.node_name, info.node_namespace) != own
    ]
    return sorted(found, key=str)


def image_topics(node: Node, near: str) -> list[str]:
    """Image topics that others publish, those with names most like the given one first.

    What nodes of the same name publish is no camera: another instance's masks.
    """
    names = [
        name
        for name, types in node.get_topic_names_and_types()
        if any(kind in IMAGE_TYPES for kind in types)
        and any(offer.type in IMAGE_TYPES and offer.node != node.get_name() for offer in offers(node, name))
    ]
    return sorted(names, key=lambda name: (-difflib.SequenceMatcher(None, name, near).ratio(), name))


def described(found: list[Offer]) -> str:
    """How many publishers, who the first are, and what they offer."""
    if not found:
        return "nobody"
    named = ", ".join(map(str, found[:PUBLISHERS_NAMED]))
    more = f", and {len(found) - PUBLISHERS_NAMED} more" if len(found) > PUBLISHERS_NAMED else ""
    return f"{len(found)} publisher{'s' if len(found) > 1 else ''}: {named}{more}"


def explain_silence(node: Node, topics: dict[str, str]) -> str:
    """Why nothing comes on the topics that are read: topic to type."""
    found = {topic: offers(node, topic) for topic in topics}
    if not any(found.values()):
        first = next(iter(topics))
        others = [name for name in image_topics(node, first) if name not in topics]
        if not others:
            return "nobody publishes it, and no other image topic is there"
        more = f" and {len(others) - TOPICS_NAMED} more" if len(others) > TOPICS_NAMED else ""
        base = others[0].removesuffix(COMPRESSED_SUFFIX)
        return (
            f"nobody publishes it; image topics that are there: {', '.join(others[:TOPICS_NAMED])}{more}."
            f" Remap with -r image:={base} (launch: image:={base})"
        )
    reasons = []
    for topic, kind in topics.items():
        wrong = [offer for offer in found[topic] if offer.type != kind]
        right = [offer for offer in found[topic] if offer.type == kind]
        if wrong:
            reasons.append(f"{topic} is wanted as {kind}, but has {described(wrong)}")
        if right:
            reasons.append(f"{topic} has {described(right)}, but nothing arrives")
    return "; ".join(reasons)
