"""The SROS 2 policy: what is checked in is what the interfaces need, and no more; and what a node says without keys."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from hybridgl_ros.ros.common.interfaces import NODES, interfaces
from hybridgl_ros.ros.common.settings import CameraSettings, SegmentSettings
from hybridgl_ros.settings import describe

CHECKOUT = Path(__file__).resolve().parents[3]
# Elements of sros2's policy.xsd: attributes that must be there, those that may, and the elements inside.
SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "policy": ({"version"}, set(), {"enclaves"}),
    "enclaves": (set(), set(), {"enclave"}),
    "enclave": ({"path"}, set(), {"profiles"}),
    "profiles": (set(), {"type"}, {"profile"}),
    "profile": ({"ns", "node"}, set(), {"topics", "services", "actions"}),
    "topics": (set(), {"publish", "subscribe"}, {"topic"}),
    "services": (set(), {"reply", "request"}, {"service"}),
    "actions": (set(), {"call", "execute"}, {"action"}),
}
KINDS = {"topics": "topic", "services": "service", "actions": "action"}
INWARDS = {"subscribe", "reply", "execute"}


@pytest.fixture(scope="module")
def tool():
    path = CHECKOUT / "tools" / "security_policy.py"
    spec = importlib.util.spec_from_file_location("security_policy", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def policy(tool) -> ElementTree.Element:
    return ElementTree.fromstring(tool.CHECKED_IN.read_bytes())


def rights(policy: ElementTree.Element, role: str, namespace: str = "/") -> set[tuple[str, str, str]]:
    """Kind, direction and full name of all that a role may do in a namespace."""
    found = set()
    (enclave,) = [entry for entry in policy.iter("enclave") if entry.get("path") == f"/hybridgl_ros/{role}"]
    (profile,) = [entry for entry in enclave.iter("profile") if entry.get("ns") == namespace]
    root = namespace.rstrip("/")
    for group in profile:
        (way,) = group.attrib
        for entry in group:
            name = entry.text.replace("~", f"{root}/{profile.get('node')}", 1) if entry.text[0] == "~" else entry.text
            full = name if name.startswith("/") else f"{root}/{name}"
            found.add((KINDS[group.tag], "in" if way in INWARDS else "out", full))
    return found


def test_what_is_checked_in_is_up_to_date(tool) -> None:
    assert tool.policy() == tool.CHECKED_IN.read_text(encoding="utf-8"), "run: python tools/security_policy.py"


def test_it_is_as_the_published_schema_wants(policy) -> None:
    assert policy.tag == "policy" and policy.get("version") == "0.2.0"
    for element in policy.iter():
        if element.tag not in SCHEMA:
            assert element.text and not len(element)
            continue
        must, may, inside = SCHEMA[element.tag]
        assert must <= set(element.keys()) <= must | may, element.tag
        assert len(element) and {child.tag for child in element} <= inside
        assert element.tag not in KINDS or list(element.attrib.values()) == ["ALLOW"]


def test_sros2_itself_reads_it(tool) -> None:
    policies = pytest.importorskip("sros2.policy")
    assert policies.load_policy(tool.CHECKED_IN) is not None


@pytest.mark.parametrize("node", NODES)
def test_a_node_may_do_what_it_does_and_no_more(policy, node: str) -> None:
    name = {"segment_client": "segment_client_*"}.get(node, node)
    assert rights(policy, node) == {(entry.kind, entry.direction, entry.resolved(name)) for entry in interfaces(node)}


def test_who_asks_can_neither_change_parameters_nor_show_pictures(policy) -> None:
    user, operator = rights(policy, "user"), rights(policy, "operator")
    assert {("service", "out", "/refer_segment"), ("action", "out", "/refer"), ("topic", "out", "/expression")} <= user
    assert ("topic", "out", "/segment_node/expressions") in user
    assert ("topic", "in", "/segment_node/mask") in user
    assert ("topic", "out", "/image") not in user
    change = {("service", "out", f"/segment_node/{name}") for name in ("set_parameters", "change_state")}
    assert not change & user and change <= operator
    assert ("service", "out", "/refer_segment") not in operator
    for role in (user, operator):
        assert not [
            entry for entry in role if entry[1] == "in" and entry[0] == "service" and "segment_node" in entry[2]
        ]


def test_namespaces_remapping_and_names(tool) -> None:
    made = tool.policy(["/left", "/right"], ["image:=/camera/image_raw"], {"user": "robot"})
    policy = ElementTree.fromstring(made.encode())
    for namespace in ("/left", "/right"):
        found = rights(policy, "segment_node", namespace)
        assert ("topic", "in", "/camera/image_raw") in found
        assert ("topic", "in", "/camera/image_raw/compressed") in found
        assert ("service", "in", f"{namespace}/segment_node/change_state") in found
        assert ("topic", "in", f"{namespace}/image") not in found
    assert ("service", "in", "/left/robot/get_parameters") in rights(policy, "user", "/left")


def test_a_node_without_keys_ends_with_a_line(tmp_path) -> None:
    (tmp_path / "enclaves" / "hybridgl_ros" / "segment_node").mkdir(parents=True)
    environment = {**os.environ, "ROS_SECURITY_KEYSTORE": str(tmp_path), "ROS_SECURITY_ENABLE": "true"}
    environment |= {"ROS_SECURITY_STRATEGY": "Enforce"}
    command = [sys.executable, "-m", "hybridgl_ros.ros.segment.segment_node", "--ros-args"]
    command += ["--enclave", "/hybridgl_ros/segment_node"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "secur" in done.stderr.lower(), done.stderr


def test_what_names_a_file_is_fixed_when_the_node_starts() -> None:
    """Whoever may change parameters of a running node must not choose its files."""
    strings = [
        entry
        for kind in (SegmentSettings, CameraSettings)
        for entry in describe(kind).values()
        if entry.type is str and not entry.choices
    ]
    assert {"config", "preset", "scenes", "bag", "rerun"} <= {entry.name for entry in strings}
    assert [entry.name for entry in strings if entry.live] == []


@pytest.mark.parametrize("bank", ["../../../tmp/secret", "/tmp/secret", "nothing of that kind"])
def test_a_running_node_is_not_led_to_other_files(shared_node, bank: str) -> None:
    name = shared_node.topic("segment_node")
    refused = shared_node.client.set_parameter(name, "membership.bank", bank)
    assert "there is everyday" in refused
    assert "no {}" in shared_node.client.set_parameter(name, "membership.prompt", "{:>9999999999}")
    shared_node.assert_still_good()
