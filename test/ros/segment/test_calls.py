"""The action refer, deadlines and turns, asked over DDS of one shared node."""

from __future__ import annotations

import re
import time

import pytest
from action_msgs.msg import GoalStatus
from hybridgl_ros.action import Refer
from rclpy.action import ActionClient
from std_msgs.msg import String


class Caller:
    """A client of the action that keeps what it hears."""

    def __init__(self, node) -> None:
        self.node = node
        self.client = ActionClient(node.client.node, Refer, node.topic("refer"))
        node.client.wait_for(lambda: self.client.server_is_ready() or None, "the action")
        node.meet()
        self.stages: list[str] = []

    def send(self, expression: str, deadline: float = 0.0):
        """A goal, accepted, on a picture of its own."""
        goal = Refer.Goal(expression=expression, image=self.node.frame(second=7), candidates=2, deadline=deadline)
        sent = self.client.send_goal_async(goal, lambda message: self.stages.append(message.feedback.stage))
        self.wait(sent)
        assert sent.result().accepted
        return sent.result()

    def result(self, handle):
        """Status and result of a goal."""
        future = handle.get_result_async()
        self.wait(future)
        return future.result().status, future.result().result

    def cancel(self, handle) -> int:
        """How many goals are cancelled."""
        future = handle.cancel_goal_async()
        self.wait(future)
        return len(future.result().goals_canceling)

    def wait(self, future) -> None:
        self.node.client.wait_for(lambda: future.done() or None, "the action")

    def wait_for_stage(self, stage: str) -> None:
        self.node.client.wait_for(lambda: stage in self.stages or None, stage)


@pytest.fixture
def caller(shared_node):
    caller = Caller(shared_node)
    yield caller
    caller.client.destroy()


def waiting(node, count: int) -> None:
    node.client.wait_for(
        lambda: node.client.diagnostics()["expressions waiting"] == str(count) or None, f"{count} that wait"
    )


def test_an_answer_on_the_picture_of_the_goal(caller: Caller) -> None:
    status, result = caller.result(caller.send("the red block"))
    assert status == GoalStatus.STATUS_SUCCEEDED
    assert result.success
    assert [entry.found for entry in result.objects] == [True, False]
    assert result.objects[0].header.stamp.sec == 7


@pytest.mark.parametrize(("expression", "reason"), [("", "empty"), ("explode", "ZeroDivisionError")])
def test_what_cannot_be_answered_is_aborted_with_the_reason(caller: Caller, expression: str, reason: str) -> None:
    status, result = caller.result(caller.send(expression))
    assert status == GoalStatus.STATUS_ABORTED
    assert not result.success
    assert reason in result.message
    caller.node.assert_still_good()


def test_cancelled_in_the_middle_of_the_work(caller: Caller) -> None:
    """What it is at is told on the way; rclpy drops what of it is still to be taken in once the result is there."""
    handle = caller.send("wait for red")
    caller.wait_for_stage("scoring")
    assert caller.stages[:2] == ["waiting", "decode"]
    assert caller.cancel(handle) == 1
    status, result = caller.result(handle)
    assert (status, result.message) == (GoalStatus.STATUS_CANCELED, "cancelled by the caller")
    caller.node.assert_still_good()


def test_cancelled_while_it_waits(caller: Caller) -> None:
    first = caller.send("wait for red")
    caller.wait_for_stage("scoring")
    second = caller.send("the red block")
    waiting(caller.node, 2)
    assert caller.cancel(second) == 1
    assert caller.result(second)[0] == GoalStatus.STATUS_CANCELED
    waiting(caller.node, 1)
    assert caller.cancel(first) == 1
    assert caller.result(first)[0] == GoalStatus.STATUS_CANCELED
    assert caller.cancel(first) == 0
    caller.node.assert_still_good()


def test_a_passed_deadline_is_refused_and_all_is_counted(caller: Caller) -> None:
    node = caller.node
    held = caller.send("wait for red")
    caller.wait_for_stage("scoring")
    late = caller.send("the red block", deadline=0.001)
    waiting(node, 2)
    time.sleep(0.01)
    caller.cancel(held)
    status, result = caller.result(late)
    assert status == GoalStatus.STATUS_ABORTED
    assert result.message == "the deadline of 0.001 s passed while waiting"
    # A picture that nobody has asked about, so that every stage runs.
    assert node.client.refer("the red block", node.frame(column=33), deadline=60.0).success
    values = node.client.diagnostics()
    assert int(values["refused: deadline"]) >= 1
    assert int(values["refused: cancelled"]) >= 1
    assert values["last error"] == result.message
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", values["last error time"])
    for kind in ("sam", "clip"):
        assert re.fullmatch(r"[0-9a-f]{64}", values[f"checksum {kind}"])
    for stage in ("decode", "proposals", "scoring"):
        assert 0 <= float(values[f"{stage} p50 (s)"]) <= float(values[f"{stage} p95 (s)"])
    assert float(values["answers per second"]) > 0
    assert float(values["memory (MB)"]) > 0


def test_an_expression_of_the_topic_has_the_deadline_of_the_parameter(caller: Caller) -> None:
    node = caller.node
    name = node.topic("segment_node")
    node.publish(node.frame())
    before = int(node.client.diagnostics().get("refused: deadline", 0))
    assert node.client.set_parameter(name, "expression_deadline", 0.001) == ""
    held = caller.send("wait for red")
    caller.wait_for_stage("scoring")
    node.publish(String(data="the red block"), "expression", counted="expressions waiting")
    caller.cancel(held)
    node.client.wait_for(
        lambda: int(node.client.diagnostics().get("refused: deadline", 0)) > before or None, "the refusal"
    )
    assert node.client.set_parameter(name, "expression_deadline", 0.0) == ""
    assert node.client.refer_by_topic("the red block").found
