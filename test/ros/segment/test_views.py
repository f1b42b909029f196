"""The RViz configuration and the Foxglove layout against a running node: names, types and contents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from hybridgl_ros.srv import ReferSegment
from std_msgs.msg import String

from hybridgl_ros.ros.common.settings import CameraSettings, default_settings

REPOSITORY = Path(__file__).resolve().parents[3]
RVIZ = yaml.safe_load((REPOSITORY / "rviz" / "hybridgl.rviz").read_text())
LAYOUT = json.loads((REPOSITORY / "foxglove" / "hybridgl.json").read_text())
PANELS: dict[str, dict[str, Any]] = LAYOUT["configById"]
IMAGE, CLOUD = "sensor_msgs/msg/Image", "sensor_msgs/msg/PointCloud2"
MARKERS, POSE = "visualization_msgs/msg/MarkerArray", "geometry_msgs/msg/PoseStamped"
# What each display of RViz shows.
DISPLAYED = {"Image": IMAGE, "PointCloud2": CLOUD, "MarkerArray": MARKERS, "Pose": POSE}
DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"


def rviz_topics() -> dict[str, str]:
    """Topic of each display, within the node's namespace, and the type that it shows."""
    displays = [display for display in RVIZ["Visualization Manager"]["Displays"] if "Topic" in display]
    return {one["Topic"]["Value"]: DISPLAYED[one["Class"].rpartition("/")[2]] for one in displays}


def panels(kind: str) -> list[dict[str, Any]]:
    return [config for name, config in PANELS.items() if name.startswith(f"{kind}!")]


def foxglove_topics() -> dict[str, str]:
    """Topic of each panel and the type that it wants."""
    (places,) = panels("3D")
    (publish,) = panels("Publish")
    (raw,) = panels("RawMessages")
    (plot,) = panels("Plot")
    topics = {panel["imageMode"]["imageTopic"]: IMAGE for panel in panels("Image")}
    kinds = {"cloud": CLOUD, "markers": MARKERS, "pose": POSE}
    topics |= {name: kinds[name.rpartition("/")[2]] for name, shown in places["topics"].items() if shown["visible"]}
    topics |= {
        panel["topicToRender"]: DIAGNOSTICS
        for kind in ("Summary", "StatusPanel")
        for panel in panels(f"Diagnostic{kind}")
    }
    topics |= {raw["topicPath"]: "hybridgl_ros/msg/ReferredObject", publish["topicName"]: publish["datatype"]}
    topic, _, field = plot["paths"][0]["value"].partition(".")
    assert field == "data"
    return {**topics, topic: "std_msgs/msg/Float32"}


@pytest.fixture
def known(shared_node) -> dict[str, list[str]]:
    """Topics and services of the running node with their types, as if it had no namespace."""
    node = shared_node.client.node
    shared_node.client.diagnostics()
    found = dict(node.get_topic_names_and_types()) | dict(node.get_service_names_and_types())
    return {name.removeprefix(shared_node.namespace): types for name, types in found.items()}


def test_rviz_shows_what_the_node_publishes(known: dict[str, list[str]]) -> None:
    topics = rviz_topics()
    assert {"image", *(f"segment_node/{name}" for name in ("overlay", "mask", "cloud", "markers", "pose"))} == set(
        topics
    )
    for name, kind in topics.items():
        assert known[f"/{name}"] == [kind], name


def test_rviz_reads_reliably_but_from_the_camera() -> None:
    displays = RVIZ["Visualization Manager"]["Displays"]
    asked = {one["Topic"]["Value"]: one["Topic"]["Reliability Policy"] for one in displays if "Topic" in one}
    assert asked.pop("image") == "Best Effort"
    assert set(asked.values()) == {"Reliable"}


def test_foxglove_is_wired_to_the_node(known: dict[str, list[str]]) -> None:
    for name, kind in foxglove_topics().items():
        assert known[name] == [kind], name
    (call,) = panels("CallService")
    assert known[call["serviceName"]] == ["hybridgl_ros/srv/ReferSegment"]


def test_both_show_the_same_topics_and_the_simulated_cameras_frame() -> None:
    assert {f"/{name}" for name in rviz_topics()} <= set(foxglove_topics())
    frame = default_settings(CameraSettings, "sim_camera").frame_id
    assert RVIZ["Visualization Manager"]["Global Options"]["Fixed Frame"] == frame
    assert panels("3D")[0]["followTf"] == frame


def test_what_foxglove_sends_fits() -> None:
    (call,), (publish,) = panels("CallService"), panels("Publish")
    request = json.loads(call["requestPayload"])
    assert request.keys() <= ReferSegment.Request.get_fields_and_field_types().keys()
    ReferSegment.Request(**request)
    String(**json.loads(publish["value"]))


def test_foxglove_selects_the_nodes_diagnostics(shared_node) -> None:
    client = shared_node.client
    names: set[tuple[str, str]] = set()
    subscription = client.node.create_subscription(
        DiagnosticArray,
        "/diagnostics",
        lambda message: names.update((status.name, status.hardware_id) for status in message.status),
        10,
    )
    (panel,) = panels("DiagnosticStatusPanel")
    name = panel["selectedName"].replace("/segment_node", f"{shared_node.namespace}/segment_node")
    client.wait_for(lambda: (name, panel["selectedHardwareId"]) in names or None, "the selected diagnostics")
    client.node.destroy_subscription(subscription)


def leaves(layout: Any) -> Iterator[str]:
    """Panels of a layout, those in tabs included."""
    if isinstance(layout, dict):
        yield from leaves(layout["first"])
        yield from leaves(layout["second"])
    else:
        yield layout
        for tab in PANELS[layout].get("tabs", ()):
            yield from leaves(tab["layout"])


def test_foxglove_shows_every_panel_once() -> None:
    assert sorted(leaves(LAYOUT["layout"])) == sorted(PANELS)
