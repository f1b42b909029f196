"""Two ways to ask and wait: the service refer_segment, and the action refer, which can be followed and cancelled."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.node import Node

from hybridgl_ros.action import Refer
from hybridgl_ros.ros.common.qos import SERVICE
from hybridgl_ros.ros.segment.desk import Desk
from hybridgl_ros.ros.segment.job import Outcome
from hybridgl_ros.ros.segment.refusals import CANCELLED
from hybridgl_ros.srv import ReferSegment

WAITING = "waiting"
BY_CALLER = "cancelled by the caller"
# Seconds that results are kept for clients that have not fetched them: each may hold megabytes of masks.
RESULT_KEPT = 10
# Seconds that rclpy needs, at most, to note that a cancellation was accepted.
NOTED_WITHIN = 1.0
NOTED_STEP = 0.001


class ReferService:
    """The service. Calls wait in threads of their own; the worker never needs one of them to go on."""

    def __init__(self, node: Node, desk: Desk) -> None:
        self._desk = desk
        node.create_service(
            ReferSegment, "refer_segment", self._answer, qos_profile=SERVICE, callback_group=ReentrantCallbackGroup()
        )

    def _answer(self, request: ReferSegment.Request, response: ReferSegment.Response) -> ReferSegment.Response:
        self._desk.fill(response, request, lambda: self._desk.call(request, "service").result())
        return response


class ReferAction:
    """The action. Every goal is accepted, so that one that is refused gets a result that says why."""

    def __init__(self, node: Node, desk: Desk) -> None:
        self._node = node
        self._desk = desk
        self._lock = threading.Lock()
        self._futures: dict[bytes, Future[Outcome]] = {}
        self._unwanted: set[bytes] = set()
        self._server = ActionServer(
            node,
            Refer,
            "refer",
            self._execute,
            # Goals are executed as tasks of the executor, outside this group.
            callback_group=MutuallyExclusiveCallbackGroup(),
            cancel_callback=self._cancel,
            goal_service_qos_profile=SERVICE,
            result_service_qos_profile=SERVICE,
            result_timeout=RESULT_KEPT,
        )

    def destroy(self) -> None:
        """To be called before the node is destroyed."""
        self._server.destroy()

    def _execute(self, goal: ServerGoalHandle) -> Refer.Result:
        result = Refer.Result()
        outcome = self._desk.fill(result, goal.request, lambda: self._promise(goal).result())
        try:
            self._end(goal, outcome, result.success)
        except RuntimeError:
            # The context may be shut down at any time, by anybody in this process.
            if self._node.context.ok():
                raise
        with self._lock:
            self._futures.pop(key_of(goal), None)
        return result

    def _end(self, goal: ServerGoalHandle, outcome: Outcome | None, success: bool) -> None:
        if outcome is not None and outcome.kind == CANCELLED and cancellation_noted(goal):
            goal.canceled()
        elif success:
            goal.succeed()
        else:
            goal.abort()

    def _promise(self, goal: ServerGoalHandle) -> Future[Outcome]:
        def watch(stage: str) -> None:
            # The client may be gone, or the context be shut down by anybody: no reason to fail the goal.
            try:
                goal.publish_feedback(Refer.Feedback(stage=stage))
            except RuntimeError as error:
                self._node.get_logger().debug(f"feedback: {error}")

        watch(WAITING)
        future = self._desk.call(goal.request, "action", watch)
        with self._lock:
            self._futures[key_of(goal)] = future
            unwanted = key_of(goal) in self._unwanted
            self._unwanted.discard(key_of(goal))
        if unwanted:
            self._desk.stop(future, BY_CALLER)
        return future

    def _cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        """Accepted only when the request is stopped by it, not when its answer is there already."""
        with self._lock:
            future = self._futures.get(key_of(goal))
            if future is None:  # not even begun
                self._unwanted.add(key_of(goal))
                return CancelResponse.ACCEPT
        return CancelResponse.ACCEPT if self._desk.stop(future, BY_CALLER) else CancelResponse.REJECT


def key_of(goal: ServerGoalHandle) -> bytes:
    return bytes(goal.goal_id.uuid)


def cancellation_noted(goal: ServerGoalHandle) -> bool:
    """Wait until rclpy has noted what `_cancel` has just answered it: the goal may not end as cancelled before."""
    end = time.monotonic() + NOTED_WITHIN
    while not goal.is_cancel_requested:
        if time.monotonic() > end:
            return False
        time.sleep(NOTED_STEP)
    return True
