"""Topics, services and actions of each node, as `config/interfaces` describes them. Imports no ROS."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from hybridgl_ros.config import find_file, read_yaml
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.reference import Row

NODES = ("segment_node", "sim_camera", "bag_player", "segment_client")
TOPIC, SERVICE, ACTION = "topic", "service", "action"
IN, OUT = "in", "out"
# Section of a file: what its entries are, and whether the node takes in (messages, requests) or gives out.
SECTIONS = {
    "subscribes": (TOPIC, IN),
    "publishes": (TOPIC, OUT),
    "serves": (SERVICE, IN),
    "calls": (SERVICE, OUT),
    "acts": (ACTION, IN),
}


@dataclass(frozen=True)
class Interface:
    """One topic, service or action of a node.

    name: as in the code, before remapping (`image`, `~/mask`, `/diagnostics`). kind: topic, service or action.
    direction: in for what the node subscribes to, serves or executes, out for what it publishes or calls.
    type: as ROS writes it, `sensor_msgs/msg/Image`. qos: frames (as the publishers offer it), results (reliable),
    latched (reliable, transient local), service, or system for what rclpy gives every node; see `qos`. when: what it
    takes for it to be there; empty for always. text: for people.
    """

    name: str
    kind: str
    direction: str
    type: str
    qos: str
    text: str
    when: str = ""

    def resolved(self, node: str, namespace: str = "/") -> str:
        """Its full name in a namespace, for a node of that name, without remapping."""
        root = namespace.rstrip("/")
        if self.name.startswith("/"):
            return self.name
        return f"{root}/{node}/{self.name[2:]}" if self.name.startswith("~/") else f"{root}/{self.name}"


@cache
def own_interfaces(node: str) -> tuple[Interface, ...]:
    """What `config/interfaces/<node>.yaml` says, without what it is like."""
    content = read_yaml(find_file(f"interfaces/{node}"))
    return tuple(
        entry_of(node, section, name, entry) for section in SECTIONS for name, entry in content.get(section, {}).items()
    )


@cache
def interfaces(node: str) -> tuple[Interface, ...]:
    """All that a node has, what rclpy gives it included. Raises ConfigError for a node without a description."""
    base = read_yaml(find_file(f"interfaces/{node}")).get("like")
    return own_interfaces(node) + (interfaces(base) if base else ())


def entry_of(node: str, section: str, name: str, entry: dict[str, Any]) -> Interface:
    kind, direction = SECTIONS[section]
    try:
        return Interface(name, kind, direction, **entry)
    except TypeError as error:
        raise ConfigError(f"interfaces/{node}.yaml: {name}: {error}") from None


def interfaces_table(node: str) -> list[Row]:
    """One row for each of a node's own interfaces: name, type, direction or kind, meaning."""
    return [
        {
            "topic, service, action": f"`{entry.name}`",
            "type": entry.type.replace("/msg/", "/").replace("/srv/", "/").replace("/action/", "/"),
            "": entry.direction if entry.kind == TOPIC else entry.kind,
            "meaning": f"{entry.text} When {entry.when}." if entry.when else entry.text,
        }
        for entry in own_interfaces(node)
    ]
