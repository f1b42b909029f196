"""The description of every node's topics, services and actions against the types there are and the nodes that run."""

from __future__ import annotations

import importlib

import pytest

from hybridgl_ros.resources import config_directory
from hybridgl_ros.ros.common.interfaces import (
    ACTION,
    IN,
    NODES,
    OUT,
    SERVICE,
    TOPIC,
    Interface,
    interfaces,
    interfaces_table,
)

# Packages that the wheels lack.
ABSENT = {"tf2_msgs", "vision_msgs"}
DURABILITY = {"results": "VOLATILE", "latched": "TRANSIENT_LOCAL"}


def test_every_node_is_described_and_every_file_is_of_use() -> None:
    used = {"bare_node", "node", "managed_node", *NODES}
    assert {file.stem for file in (config_directory() / "interfaces").glob("*.yaml")} == used


@pytest.mark.parametrize("node", NODES)
def test_types_are_there_and_no_entry_is_twice(node: str) -> None:
    entries = interfaces(node)
    assert len({(entry.name, entry.kind, entry.direction) for entry in entries}) == len(entries)
    for entry in entries:
        package, kind, name = entry.type.split("/")
        assert kind == {TOPIC: "msg", SERVICE: "srv", ACTION: "action"}[entry.kind], entry
        assert entry.text.endswith("."), entry
        if package not in ABSENT:
            assert hasattr(importlib.import_module(f"{package}.{kind}"), name), entry


def test_names_are_resolved_as_ros_does() -> None:
    def resolved(name: str, namespace: str) -> str:
        return Interface(name, TOPIC, IN, "", "", "").resolved("camera", namespace)

    assert [resolved(name, "/") for name in ("a", "~/a", "/a")] == ["/a", "/camera/a", "/a"]
    assert [resolved(name, "/robot") for name in ("a", "~/a", "/a")] == ["/robot/a", "/robot/camera/a", "/a"]


def test_the_table_has_a_row_for_each_of_the_nodes_own() -> None:
    rows = {row["topic, service, action"]: row for row in interfaces_table("segment_node")}
    assert rows["`~/mask`"]["type"] == "sensor_msgs/Image" and rows["`~/mask`"][""] == "out"
    assert rows["`refer`"][""] == "action"
    assert "`~/get_state`" not in rows


def test_the_running_segment_node_has_what_is_described(shared_node, assert_described) -> None:
    node = shared_node.client.node
    assert_described(shared_node.client, "segment_node", shared_node.namespace)
    for entry in interfaces("segment_node"):
        if entry.kind == TOPIC and entry.direction == OUT and entry.qos in DURABILITY:
            offers = node.get_publishers_info_by_topic(entry.resolved("segment_node", shared_node.namespace))
            profiles = [offer.qos_profile for offer in offers if offer.node_namespace == shared_node.namespace]
            assert {profile.durability.name for profile in profiles} <= {DURABILITY[entry.qos]}, entry
            assert profiles or entry.when, entry
