"""QoS: parameters win over defaults and touch nothing else, and frames are taken as they are offered."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.ros.common.dds import (
    DDS_VARIABLES,
    LEFT_TO_PROFILE,
    PROFILE_VARIABLES,
    PUBLICATION_MODE,
    use_dds_profile,
)
from hybridgl_ros.ros.common.qos import FRAMES, RESULTS, follow, overridden

CHECKOUT = Path(__file__).resolve().parents[3]
PROFILE = DDS_VARIABLES[0]


def offer(reliability: str = "RELIABLE", durability: str = "VOLATILE") -> QoSProfile:
    return QoSProfile(depth=1, reliability=ReliabilityPolicy[reliability], durability=DurabilityPolicy[durability])


@pytest.fixture
def node(ros: None) -> Iterator[Node]:
    values = {
        "qos_overrides./a.publisher.depth": 3,
        "qos_overrides./a.publisher.reliability": "best_effort",
        "qos_overrides./b.publisher.history": "forever",
        "qos_overrides./c.publisher.reliability": "unknown",
    }
    made = Node("qos_test", parameter_overrides=[Parameter(name, value=value) for name, value in values.items()])
    yield made
    made.destroy_node()


def test_parameters_of_one_topic_do_not_reach_another(node: Node) -> None:
    changed = overridden(node, "/a", "publisher", RESULTS)
    assert (changed.depth, changed.reliability) == (3, ReliabilityPolicy.BEST_EFFORT)
    other = overridden(node, "/other", "publisher", RESULTS)
    assert (other.depth, other.reliability) == (10, ReliabilityPolicy.RELIABLE)


@pytest.mark.parametrize(("topic", "policy"), [("/b", "history"), ("/c", "reliability")])
def test_a_policy_that_there_is_not_names_the_parameter(node: Node, topic: str, policy: str) -> None:
    with pytest.raises(ConfigError, match=rf"qos_overrides\.{topic}\.publisher\.{policy}: .* is not one of"):
        overridden(node, topic, "publisher", RESULTS)


@pytest.mark.parametrize(
    ("offers", "reliability", "durability"),
    [
        ([], "RELIABLE", "VOLATILE"),
        ([offer()], "RELIABLE", "VOLATILE"),
        ([offer(), offer("BEST_EFFORT")], "BEST_EFFORT", "VOLATILE"),
        ([offer(durability="TRANSIENT_LOCAL")], "RELIABLE", "TRANSIENT_LOCAL"),
        ([offer(durability="TRANSIENT_LOCAL"), offer()], "RELIABLE", "VOLATILE"),
    ],
)
def test_frames_are_taken_as_all_publishers_can_serve_them(offers, reliability: str, durability: str) -> None:
    chosen = follow(FRAMES, offers)
    assert (chosen.reliability.name, chosen.durability.name) == (reliability, durability)


def test_what_a_parameter_fixes_is_not_followed() -> None:
    assert follow(offer("RELIABLE"), [offer("BEST_EFFORT")]).reliability == ReliabilityPolicy.RELIABLE


def test_the_dds_profile_is_used_unless_the_user_has_made_a_choice(tmp_path: Path) -> None:
    for environment in ({}, {"RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"}, {"RMW_IMPLEMENTATION": ""}):
        use_dds_profile(environment, tmp_path)
        for name in PROFILE_VARIABLES:
            assert "segment_size" in Path(environment[name]).read_text(encoding="utf-8")
        assert environment[LEFT_TO_PROFILE] == "1"
    own = [{name: "mine"} for name in DDS_VARIABLES] + [{"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}]
    for environment in own:
        chosen = dict(environment)
        use_dds_profile(environment, tmp_path)
        assert environment == chosen
    (tmp_path / "DEFAULT_FASTDDS_PROFILES.xml").write_text("<dds/>")
    environment = {}
    use_dds_profile(environment, tmp_path)
    assert environment == {}


def test_histories_are_left_to_this_profile_only_and_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    named = {PROFILE: str(CHECKOUT / "config" / "dds" / "fastdds.xml")}
    (tmp_path / "mine.xml").write_text("<dds/>")
    chosen = [
        (named, "1"),
        (named | {LEFT_TO_PROFILE: "0"}, "0"),
        (named | {PUBLICATION_MODE: "ASYNCHRONOUS"}, None),
        ({PROFILE: str(tmp_path / "mine.xml")}, None),
    ]
    for environment, wanted in chosen:
        environment = dict(environment)
        use_dds_profile(environment, tmp_path)
        assert environment.get(LEFT_TO_PROFILE) == wanted


@pytest.mark.parametrize("own", ["", "mine.xml"])
def test_the_checkouts_environment_has_the_profile_too(own: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in DDS_VARIABLES}
    script = f'. "{CHECKOUT}/tools/environment.sh"; echo "profile=${PROFILE}"'
    output = subprocess.run(
        ["bash", "-c", script], env={**environment, **({PROFILE: own} if own else {})}, capture_output=True, text=True
    ).stdout
    wanted = own or str(CHECKOUT / "config" / "dds" / "fastdds.xml")
    assert f"profile={wanted}\n" in output
