"""The leaf of docs/howto/behaviour_tree.md in a real tree."""

from __future__ import annotations

import re
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import pytest
from hybridgl_ros.action import Refer
from hybridgl_ros.msg import ReferredObject

py_trees = pytest.importorskip("py_trees")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "behaviour_tree.md"


@pytest.fixture(scope="module")
def page() -> dict:
    """What the page's Python defines, but for the last lines, which want a node."""
    leaf, client = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict = {}
    exec(compile(leaf + client.partition("\nclient = ")[0], str(PAGE), "exec"), names)
    return names


class Handle:
    """The goal's handle of an action client; accepted, and answered when the test says so."""

    def __init__(self, accepted: bool = True) -> None:
        self.accepted = accepted
        self.answer: Future = Future()
        self.cancelled = 0

    def get_result_async(self) -> Future:
        return self.answer

    def cancel_goal_async(self) -> None:
        self.cancelled += 1


class Client:
    def __init__(self) -> None:
        self.goals, self.sent = [], Future()

    def send_goal_async(self, goal) -> Future:
        self.goals.append(goal)
        return self.sent


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def leaf(page, client):
    return page["Refer"]("find", lambda *wanted: page["Goal"](client, *wanted), "the red mug", 3.0)


def answer(handle: Handle, result: Refer.Result) -> None:
    handle.answer.set_result(SimpleNamespace(result=result))


FOUND = Refer.Result(success=True, message="1 found", objects=[ReferredObject(found=True), ReferredObject(found=False)])
ABSENT = Refer.Result(success=True, objects=[ReferredObject(found=False, reason="no mug is red")])
REFUSED = Refer.Result(success=False, message="the models are still loading")


@pytest.mark.parametrize(
    ("result", "status", "message"),
    [
        (FOUND, "SUCCESS", "1 found"),
        (ABSENT, "FAILURE", "not there: no mug is red"),
        (REFUSED, "FAILURE", "not processed: the models are still loading"),
    ],
)
def test_the_leaf_runs_until_the_result_and_then_says_what_it_means(leaf, client, result, status, message):
    tree, handle = py_trees.trees.BehaviourTree(leaf), Handle()
    tree.tick()
    assert (client.goals[0].expression, client.goals[0].deadline) == ("the red mug", 3.0)
    client.sent.set_result(handle)
    tree.tick()
    assert leaf.status is py_trees.common.Status.RUNNING
    answer(handle, result)
    tree.tick()
    assert (leaf.status.name, leaf.feedback_message) == (status, message)
    assert len(client.goals) == 1 and not handle.cancelled
    if status == "SUCCESS":
        assert leaf.blackboard.objects == [FOUND.objects[0]]


def test_a_rejected_goal_is_a_failure(leaf, client):
    client.sent.set_result(Handle(accepted=False))
    leaf.tick_once()
    assert leaf.status is py_trees.common.Status.FAILURE and "rejected" in leaf.feedback_message


@pytest.mark.parametrize("accepted_first", [True, False])
def test_a_leaf_that_the_tree_leaves_cancels_its_goal_once(leaf, client, accepted_first):
    handle = Handle()
    if accepted_first:
        client.sent.set_result(handle)
    leaf.tick_once()
    leaf.stop(py_trees.common.Status.INVALID)
    if not accepted_first:
        client.sent.set_result(handle)
    assert handle.cancelled == 1
