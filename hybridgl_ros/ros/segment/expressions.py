"""The way by topic: expressions come in, what they refer to goes out."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from rclpy.node import Node
from std_msgs.msg import String

from hybridgl_ros.errors import ExpressionError, HybridGLError
from hybridgl_ros.ros.common.notices import Notices
from hybridgl_ros.ros.common.qos import RESULTS, overridden
from hybridgl_ros.ros.common.settings import SegmentSettings
from hybridgl_ros.ros.segment.desk import Desk
from hybridgl_ros.ros.segment.follower import Follower
from hybridgl_ros.ros.segment.job import Frame, Outcome
from hybridgl_ros.ros.segment.mailbox import Mailbox
from hybridgl_ros.ros.segment.outputs import Outputs
from hybridgl_ros.ros.segment.place_outputs import PlaceOutputs
from hybridgl_ros.ros.segment.refusals import kind_of

SOURCE = "topic"


class ExpressionTopic:
    """The subscription to `expression` and the publishers of what is found.

    frames: the camera's. settings: the present ones. warnings: where refusals are told. report: is told of defects.
    """

    def __init__(
        self,
        node: Node,
        desk: Desk,
        frames: Mailbox[Frame],
        *,
        settings: Callable[[], SegmentSettings],
        warnings: Notices,
        report: Callable[[Exception], None],
    ) -> None:
        self._node = node
        self._desk = desk
        self._frames = frames
        self._settings = settings
        self._warnings = warnings
        self._report = report
        self._outputs = Outputs(node, PlaceOutputs(node, settings().target_frame, warnings.add), settings)
        self._qos = overridden(node, node.resolve_topic_name("expression"), "subscription", RESULTS)
        self._subscription: Any = None
        self._unseen: deque[str] = deque()
        self._newest = ""
        self._follower = Follower(self._ask_when_seen)
        self._publishing = threading.Lock()
        self._ended = False

    def open(self) -> None:
        """Take expressions; again, when it was closed."""
        if self._subscription is None:
            self._subscription = self._node.create_subscription(String, "expression", self._receive, self._qos)

    def close(self) -> None:
        """Take none any more, and forget those that were followed or waited for a frame."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            self._node.destroy_subscription(subscription)
        self._unseen.clear()
        self._newest = ""
        self._follower.follow("")

    def end(self) -> None:
        """From now on nothing is published."""
        with self._publishing:
            self._ended = True

    def switch(self) -> None:
        """The mode has changed: follow the newest expression, or no one."""
        self._follower.follow(self._newest if self._settings().mode == "continuous" else "")

    def on_frame(self) -> None:
        """There is a new frame."""
        while self._unseen:
            self._ask(self._unseen.popleft(), self._settings().expression_deadline)
        self._follower.wake()

    def _receive(self, message: String) -> None:
        if self._subscription is None:
            return
        try:
            self._desk.check_expression(message.data)
        except ExpressionError as error:
            self._refuse(error)
            return
        self._newest = message.data
        if self._settings().mode == "continuous":
            self._follower.follow(message.data)
        elif self._frames.empty and len(self._unseen) < self._settings().waiting_limit:
            self._unseen.append(message.data)
        else:
            self._ask(message.data, self._settings().expression_deadline)

    def _ask_when_seen(self, expression: str) -> Future[Outcome] | None:
        # One at a time, so it needs none of the limited places; with one place it would leave none to the service.
        return None if self._frames.empty else self._ask(expression, counted=False)

    def _ask(self, expression: str, deadline: float = 0.0, *, counted: bool = True) -> Future[Outcome] | None:
        """Have an expression answered on the newest frame; None when it is refused."""
        try:
            self._desk.newest_frame()
            future = self._desk.submit(expression, self._desk.newest_frame, SOURCE, counted=counted, deadline=deadline)
        except HybridGLError as error:
            self._refuse(error)
            return None
        future.add_done_callback(self._publish)
        return future

    def _publish(self, future: Future[Outcome]) -> None:
        """Publish an outcome; called in the worker's thread."""
        if future.cancelled():
            return
        outcome = future.result()
        if outcome.answer is None:
            self._warnings.add(f"no answer to {outcome.expression[:80]!r}: {outcome.problem}")
            return
        with self._publishing:
            if self._ended or not self._node.context.ok():
                return
            begin = time.perf_counter()
            try:
                self._outputs.publish(outcome)
            except Exception as error:
                # The context may be shut down at any time, by anybody in this process.
                if self._node.context.ok():
                    self._report(error)
            self._desk.counters.stages["publish"].add(time.perf_counter() - begin)

    def _refuse(self, error: HybridGLError) -> None:
        self._desk.counters.fail(str(error), kind_of(error))
        self._warnings.add(str(error))
