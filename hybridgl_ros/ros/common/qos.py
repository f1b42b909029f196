"""Quality of service: what the nodes ask for and offer, all of it overridable by parameters."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from enum import Enum

from rcl_interfaces.msg import IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
)

from hybridgl_ros.errors import ConfigError

# The newest frames only, as the publishers offer them: see `follow`.
FRAMES = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=2,
    reliability=ReliabilityPolicy.BEST_AVAILABLE,
    durability=DurabilityPolicy.BEST_AVAILABLE,
)
RESULTS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE)
# The newest one also for those who come later.
LATCHED = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
# Calls that come at once must all be heard, were it to be refused: the usual depth of 10 loses the rest in silence.
# So must the answers: every client of a service gets those of all the others, too.
SERVICE = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1000, reliability=ReliabilityPolicy.RELIABLE)

POLICIES: dict[str, type[Enum]] = {
    "history": HistoryPolicy,
    "reliability": ReliabilityPolicy,
    "durability": DurabilityPolicy,
}
LARGEST_DEPTH = 1000000


def results_of(count: int) -> QoSProfile:
    """RESULTS with room for the answers to so many expressions, which are published at once."""
    profile = copy(RESULTS)
    profile.depth = max(RESULTS.depth, count)
    return profile


def overridden(node: Node, topic: str, entity: str, default: QoSProfile) -> QoSProfile:
    """A copy of the default with the parameters `qos_overrides.<topic>.<entity>.*`, which are declared here.

    topic: as it is resolved. entity: publisher or subscription. Raises ConfigError naming parameter and choices.
    """
    profile = copy(default)
    prefix = f"qos_overrides.{topic}.{entity}"
    bounds = [IntegerRange(from_value=0, to_value=LARGEST_DEPTH, step=1)]
    depth = ParameterDescriptor(description="depth", read_only=True, integer_range=bounds)
    profile.depth = node.declare_parameter(f"{prefix}.depth", profile.depth, depth).value
    for policy, kind in POLICIES.items():
        name = f"{prefix}.{policy}"
        choices = [member.name.lower() for member in kind if member.name != "UNKNOWN"]
        text = ParameterDescriptor(
            description=policy, read_only=True, additional_constraints=f"one of {', '.join(choices)}"
        )
        value = node.declare_parameter(name, getattr(profile, policy).name.lower(), text).value
        if value not in choices:
            raise ConfigError(f"{name}: {value!r} is not one of {', '.join(choices)}")
        setattr(profile, policy, kind[value.upper()])
    return profile


def follow(profile: QoSProfile, offered: Iterable[QoSProfile]) -> QoSProfile:
    """A subscription's profile in which best_available is what every one of the offered profiles can serve.

    Reliable while nobody publishes: a publisher with best effort is noticed when it does not match, whereas a reliable
    one would match at once and lose what is too large for best effort.
    """
    offers = list(offered)
    chosen = copy(profile)
    if profile.reliability == ReliabilityPolicy.BEST_AVAILABLE:
        best_effort = any(offer.reliability == ReliabilityPolicy.BEST_EFFORT for offer in offers)
        chosen.reliability = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
    if profile.durability == DurabilityPolicy.BEST_AVAILABLE:
        latched = bool(offers) and all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
        chosen.durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    return chosen
