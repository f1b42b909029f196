"""Writes the SROS 2 policy of least privilege for the nodes of this package, from the description of their interfaces.

Without options it is the one that is checked in: nodes in the root namespace, nothing remapped.
"""

from __future__ import annotations

import argparse
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hybridgl_ros.ros.common.interfaces import ACTION, IN, NODES, OUT, SERVICE, TOPIC, Interface, interfaces
from hybridgl_ros.ros.common.interfaces import own_interfaces as own

CHECKED_IN = Path(__file__).resolve().parents[1] / "config" / "security" / "hybridgl_ros.policy.xml"
VERSION = "0.2.0"
ENCLAVES = "/hybridgl_ros"
SEGMENT_NODE = "segment_node"
QUESTIONS = ("expression", "~/expressions")
# How DDS names nodes that add a random number to theirs.
RANDOM_NAMES = {"segment_client": "segment_client_*"}
# Kind and direction → element, attribute and element of each name.
RULES = {
    (TOPIC, IN): ("topics", "subscribe", "topic"),
    (TOPIC, OUT): ("topics", "publish", "topic"),
    (SERVICE, IN): ("services", "reply", "service"),
    (SERVICE, OUT): ("services", "request", "service"),
    (ACTION, IN): ("actions", "execute", "action"),
    (ACTION, OUT): ("actions", "call", "action"),
}


@dataclass(frozen=True)
class Role:
    """Who gets an enclave. node: name in the graph, which may hold `*`."""

    name: str
    node: str
    rights: tuple[Interface, ...]


def roles(names: dict[str, str] | None = None) -> list[Role]:
    """The nodes of this package; `user`, who asks segment_node; and `operator`, who sets parameters and states.

    names: what the nodes of these two are called. No pattern may stand for them: who may serve the parameters of any
    node may pass itself off as segment_node.
    """
    names = names or {}
    nodes = [Role(name, RANDOM_NAMES.get(name, name), interfaces(name)) for name in NODES]
    plain = interfaces("node")
    asked = [mirrored(entry) for entry in own(SEGMENT_NODE) if is_for_users(entry)]
    managed = [mirrored(entry) for entry in interfaces(SEGMENT_NODE) if is_for_operators(entry)]
    guests = {"user": asked, "operator": managed}
    return [*nodes, *(Role(name, names.get(name, name), (*rights, *plain)) for name, rights in guests.items())]


def is_for_users(entry: Interface) -> bool:
    """Calls, expressions and answers; neither pictures nor transforms."""
    return entry.kind != TOPIC or entry.direction == OUT or entry.name in QUESTIONS


def is_for_operators(entry: Interface) -> bool:
    """Parameters, the lifecycle, diagnostics."""
    return (entry not in own(SEGMENT_NODE) and entry.name.startswith("~/")) or entry.name == "/diagnostics"


def mirrored(entry: Interface) -> Interface:
    """The other end of one of segment_node's."""
    name = f"{SEGMENT_NODE}/{entry.name[2:]}" if entry.name.startswith("~/") else entry.name
    return replace(entry, name=name, direction=OUT if entry.direction == IN else IN)


def policy(
    namespaces: Sequence[str] = ("/",), remapped: Iterable[str] = (), guests: dict[str, str] | None = None
) -> str:
    """The policy as XML.

    namespaces: that the nodes run in. remapped: rules `from:=to`, of topics and services. guests: see `roles`.
    """
    rules = dict(rule.split(":=", 1) for rule in remapped)
    root = ElementTree.Element("policy", version=VERSION)
    enclaves = ElementTree.SubElement(root, "enclaves")
    for role in roles(guests):
        enclave = ElementTree.SubElement(enclaves, "enclave", path=f"{ENCLAVES}/{role.name}")
        profiles = ElementTree.SubElement(enclave, "profiles")
        for namespace in namespaces:
            profile = ElementTree.SubElement(profiles, "profile", ns=namespace, node=role.node)
            for (kind, direction), (group, right, element) in RULES.items():
                names = {moved(e.name, rules) for e in role.rights if (e.kind, e.direction) == (kind, direction)}
                if names:
                    parent = ElementTree.SubElement(profile, group, {right: "ALLOW"})
                    for name in sorted(names):
                        ElementTree.SubElement(parent, element).text = name
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def moved(name: str, rules: dict[str, str]) -> str:
    """A name after remapping; what image_transport makes of a topic goes with it."""
    base, slash, transport = name.rpartition("/")
    return rules.get(name) or (rules[base] + slash + transport if base in rules else name)


def main() -> int:
    """Write it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--namespace", action="append", help="that the nodes run in; several for several cameras")
    parser.add_argument("--remap", action="append", default=[], help="for example image:=/camera/image_raw")
    parser.add_argument("--user", default="user", help="name of the node that asks")
    parser.add_argument("--operator", default="operator", help="name of the node that sets parameters and states")
    parser.add_argument("--out", type=Path, default=CHECKED_IN)
    options = parser.parse_args()
    if any(":=" not in rule for rule in options.remap):
        parser.error("--remap wants FROM:=TO")
    guests = {"user": options.user, "operator": options.operator}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(policy(options.namespace or ("/",), options.remap, guests), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
