"""segment_node as a managed node: what it does in which state, and how it gets from one into the other."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest
from hybridgl_ros.srv import ReferSegment
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState

ENDING_TIME = 30.0
CYCLES = 5
INPUTS = ("image", "expression", "depth", "camera_info")


@pytest.fixture(scope="module")
def managed(run_node: Callable):
    """A node that waits for somebody to manage it."""
    return run_node("-p", "autostart:=false")


@pytest.fixture
def node(managed):
    """The managed node, unconfigured before and after."""
    yield managed
    for transition in {"active": ("deactivate", "cleanup"), "inactive": ("cleanup",)}.get(managed.state, ()):
        assert managed.transit(transition)
    assert managed.state == "unconfigured"


def listeners(node) -> list[int]:
    return [node.client.node.count_subscribers(node.topic(topic)) for topic in INPUTS]


def test_every_state_answers_and_says_what_to_do(node) -> None:
    client, name = node.client, node.topic("segment_node")
    assert node.state == "unconfigured"
    refused = client.refer("the red block", node.frame())
    assert (refused.success, refused.message) == (
        False,
        f"the node is unconfigured: ros2 lifecycle set {name} configure",
    )
    assert client.diagnostics()["models"] == "none"

    assert node.transit("configure")
    assert client.refer("the red block", node.frame()).message == (
        f"the node is inactive: ros2 lifecycle set {name} activate"
    )
    client.wait_for(lambda: listeners(node) == [0] * len(INPUTS) or None, "no listeners")
    values = client.diagnostics()
    assert (values["state"], values["models"]) == ("inactive", "ready")

    assert node.transit("activate")
    node.publish(node.frame())
    assert client.refer("the red block").success
    assert client.refer_by_topic("the red block").found
    assert client.diagnostics()["state"] == "active"


def test_deactivation_tells_those_who_wait_and_forgets_the_frame(node) -> None:
    client = node.client
    assert node.transit("configure") and node.transit("activate")
    node.publish(node.frame())
    calls = node.call_at_once("wait for red", "the red block")
    client.wait_for(lambda: client.diagnostics()["expressions waiting"] == "2" or None, "both calls")
    assert node.transit("deactivate")
    node.wait_until_done(calls)
    assert [call.result().message for call in calls] == ["the node was deactivated"] * 2
    client.wait_for(lambda: listeners(node) == [0] * len(INPUTS) or None, "no listeners")

    assert node.transit("activate")
    assert "no image has arrived" in client.refer("the red block").message
    node.assert_still_good()


@pytest.mark.parametrize("transition", ["activate", "deactivate", "cleanup", "no such thing"])
def test_a_transition_that_does_not_exist_is_refused_and_survived(node, transition: str) -> None:
    assert not node.transit(transition)
    assert node.state == "unconfigured"


def test_a_transition_by_an_unknown_number_is_survived(node) -> None:
    assert not node.ask(ChangeState, "change_state", transition=Transition(id=200)).success
    assert node.state == "unconfigured"


def test_many_cycles_keep_it_good(node) -> None:
    for _ in range(CYCLES):
        assert node.transit("configure") and node.transit("activate")
        node.assert_still_good()
        assert node.transit("deactivate") and node.transit("cleanup")
    node.client.wait_for(lambda: listeners(node) == [0] * len(INPUTS) or None, "no listeners")
    assert node.client.diagnostics()["scenes kept"] == "0"
    assert "Traceback" not in node.log


def test_it_answers_while_it_is_configured(start) -> None:
    node = start(marks=("load",))
    node.client.wait_for(lambda: node.state == "configuring" or None, "the configuration")
    assert not node.transit("configure")
    assert "still loading" in node.client.refer("the red block", node.frame()).message
    node.gate.touch()
    node.client.wait_for(lambda: node.state == "active" or None, "activation")
    node.assert_still_good()


def test_a_failed_configuration_can_be_repeated(start) -> None:
    node = start("-p", "autostart:=false", marks=("missing",))
    for _ in range(2):
        assert not node.transit("configure")
        assert node.state == "unconfigured"
    assert "hybridgl download sam_vit_h" in node.client.refer("the red block", node.frame()).message
    assert "hybridgl download sam_vit_h" in node.client.diagnostics()["last error"]
    node.gate.with_suffix(".missing").unlink()
    assert node.transit("configure") and node.transit("activate")
    node.assert_still_good()


def test_shut_down_from_the_active_state(start) -> None:
    node = start()
    node.wait_for_models()
    node.publish(node.frame())
    calls = node.call_at_once("wait for red")
    node.client.wait_for(lambda: node.client.diagnostics()["expressions waiting"] == "1" or None, "the call")
    assert node.transit("shutdown")
    node.wait_until_done(calls)
    assert calls[0].result().message == "the node was shut down"
    assert node.state == "finalized"
    assert "the node is finalized" in node.client.refer("the red block", node.frame()).message
    assert node.client.diagnostics()["models"] == "none"
    node.process.terminate()
    assert node.process.wait(ENDING_TIME) == 0
    assert "Traceback" not in node.log


@pytest.mark.parametrize("occupation", ["loading", "idle", "busy", "stuck"])
def test_sigterm_ends_it_whatever_it_does(start, occupation: str) -> None:
    node = start(marks=("load",) if occupation == "loading" else ())
    if occupation == "loading":
        node.wait_for_models("loading")
    else:
        node.wait_for_models()
    words = {"busy": "wait for red", "stuck": "stuck at red"}
    if occupation in words:
        service = node.client.node.create_client(ReferSegment, node.topic("refer_segment"))
        node.client.meet(service)
        service.call_async(ReferSegment.Request(expression=words[occupation], image=node.frame()))
        node.client.wait_for(lambda: node.client.diagnostics()["expressions waiting"] == "1" or None, "the call")
    node.process.send_signal(signal.SIGTERM)
    assert node.process.wait(ENDING_TIME) == 0
    assert "Traceback" not in node.log


def test_interrupted_again_and_again_it_ends_as_well(start) -> None:
    """As under `ros2 launch` in a terminal, where shell and launch both send SIGINT."""
    node = start()
    node.wait_for_models()
    node.publish(node.frame())
    node.call_at_once("stuck at red")
    node.client.wait_for(lambda: node.client.diagnostics()["expressions waiting"] == "1" or None, "the call")
    while node.process.poll() is None:
        node.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            node.process.wait(0.01)
    assert node.process.returncode == 0
    assert "Traceback" not in node.log
