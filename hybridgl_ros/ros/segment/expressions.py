"""The way by topic: expressions come in, what they refer to goes out."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from rclpy.node import Node
from std_msgs.msg import String

from hybridgl_ros.errors import ExpressionError, HybridGLError
from hybridgl_ros.msg import Expressions
from hybridgl_ros.ros.common.notices import Notices
from hybridgl_ros.ros.common.qos import RESULTS, overridden
from hybridgl_ros.ros.common.settings import SegmentSettings
from hybridgl_ros.ros.segment.desk import Desk, outcomes_of
from hybridgl_ros.ros.segment.follower import Follower
from hybridgl_ros.ros.segment.job import Frame
from hybridgl_ros.ros.segment.mailbox import Mailbox
from hybridgl_ros.ros.segment.outputs import Outputs
from hybridgl_ros.ros.segment.place_outputs import PlaceOutputs
from hybridgl_ros.ros.segment.refusals import kind_of
from hybridgl_ros.ros.segment.vision_outputs import VisionOutputs
from hybridgl_ros.settings import Config
from hybridgl_ros.tracking.tracker import Tracker, Trackers

SOURCE = "topic"


class ExpressionTopic:
    """The subscriptions to `expression` and `~/expressions`, and the publishers of what is found.

    frames: the camera's. settings, config: the present ones. warnings: where refusals are told. report: is told of
    defects.
    """

    def __init__(
        self,
        node: Node,
        desk: Desk,
        frames: Mailbox[Frame],
        *,
        settings: Callable[[], SegmentSettings],
        config: Callable[[], Config],
        warnings: Notices,
        report: Callable[[Exception], None],
    ) -> None:
        self._node = node
        self._desk = desk
        self._frames = frames
        self._settings = settings
        self._warnings = warnings
        self._report = report
        self._vision = VisionOutputs(node, config)
        places = PlaceOutputs(node, settings(), warnings.add)
        self._outputs = Outputs(node, places, self._vision, settings)
        self._inputs = [
            (kind, topic, receive, overridden(node, node.resolve_topic_name(topic), "subscription", RESULTS))
            for kind, topic, receive in (
                (String, "expression", lambda message: self._receive([message.data])),
                (Expressions, "~/expressions", lambda message: self._receive(message.expressions)),
            )
        ]
        self._subscriptions: list[Any] = []
        self._unseen: deque[tuple[str, ...]] = deque()
        self._newest: tuple[str, ...] = ()
        self._follower = Follower(self._ask_when_seen)
        self._trackers = Trackers()
        self._events = Notices(lambda text: node.get_logger().info(text))
        self._publishing = threading.Lock()
        self._ended = False

    def open(self) -> None:
        """Take expressions; again, when it was closed."""
        if not self._subscriptions:
            self._subscriptions = [self._node.create_subscription(*entry) for entry in self._inputs]

    def close(self) -> None:
        """Take none any more, and forget those that were followed or waited for a frame."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            self._node.destroy_subscription(subscription)
        self._unseen.clear()
        self._newest = ()
        self._follow(())

    def end(self) -> None:
        """From now on nothing is published."""
        with self._publishing:
            self._ended = True

    def switch(self) -> None:
        """The mode has changed: follow what was asked last, or nothing."""
        self._follow(self._newest if self._settings().mode == "continuous" else ())

    def values(self) -> dict[str, object]:
        """What the diagnostics tell."""
        return {
            **self._vision.values(),
            "objects followed": self._trackers.following,
            "objects lost": self._trackers.lost,
            "objects found again": self._trackers.found_again,
        }

    def _follow(self, question: Sequence[str]) -> None:
        """Follow what these expressions mean from now on, and nothing else."""
        self._trackers.keep(question)
        self._follower.follow(question)

    def on_frame(self) -> None:
        """There is a new frame."""
        while self._unseen:
            self._ask(self._unseen.popleft(), self._settings().expression_deadline)
        self._follower.wake()

    def _receive(self, expressions: Sequence[str]) -> None:
        """Take up what is to be answered together; nothing at all ends the following."""
        if not self._subscriptions:
            return
        question = self._accepted(expressions)
        if expressions and not question:
            return
        self._newest = question
        if self._settings().mode == "continuous":
            self._follow(question)
        elif not question:
            return
        elif self._frames.empty and len(self._unseen) < self._settings().waiting_limit:
            self._unseen.append(question)
        else:
            self._ask(question, self._settings().expression_deadline)

    def _accepted(self, expressions: Sequence[str]) -> tuple[str, ...]:
        """Those that are worth a turn, each once; the others are refused."""
        limit = self._settings().list_limit
        if len(expressions) > limit:
            error = ExpressionError(f"the list has {len(expressions)} expressions, list_limit is {limit}")
            self._refuse(error, len(expressions) - limit)
        accepted = []
        for expression in expressions[:limit]:
            try:
                self._desk.check_expression(expression)
            except ExpressionError as error:
                self._refuse(error)
            else:
                accepted.append(expression)
        return tuple(dict.fromkeys(accepted))

    def _ask_when_seen(self, question: Sequence[str]) -> Future[Any] | None:
        # One at a time, so it needs none of the limited places; with one place it would leave none to the service.
        if self._frames.empty:
            return None
        trackers = [self._trackers.of(expression) for expression in question]
        return self._ask(tuple(question), counted=False, trackers=trackers)

    def _ask(
        self,
        question: tuple[str, ...],
        deadline: float = 0.0,
        *,
        counted: bool = True,
        trackers: Sequence[Tracker] = (),
    ) -> Future[Any] | None:
        """Have expressions answered together on the newest frame; None when that is refused."""
        try:
            self._desk.newest_frame()
            future = self._desk.submit(
                question, self._desk.newest_frame, SOURCE, counted=counted, deadline=deadline, trackers=trackers
            )
        except HybridGLError as error:
            self._refuse(error, len(question))
            return None
        future.add_done_callback(self._publish)
        return future

    def _publish(self, future: Future[Any]) -> None:
        """Publish outcomes; called in the worker's thread."""
        if future.cancelled():
            return
        outcomes = outcomes_of(future)
        for outcome in outcomes:
            if outcome.answer is None:
                self._warnings.add(f"no answer to {outcome.expression[:80]!r}: {outcome.problem}")
            elif outcome.answer.tracking is not None:
                for event in outcome.answer.tracking.events:
                    # The same may happen again, and is worth a line then.
                    self._events.add(f"{outcome.expression[:80]!r}: {event}", key=f"{time.monotonic()} {event}")
        if all(outcome.answer is None for outcome in outcomes):
            return
        with self._publishing:
            if self._ended or not self._node.context.ok():
                return
            begin = time.perf_counter()
            try:
                self._outputs.publish(outcomes)
            except Exception as error:
                # The context may be shut down at any time, by anybody in this process.
                if self._node.context.ok():
                    self._report(error)
            self._desk.counters.stages["publish"].add(time.perf_counter() - begin)

    def _refuse(self, error: HybridGLError, count: int = 1) -> None:
        self._desk.counters.fail(str(error), kind_of(error), count)
        self._warnings.add(str(error))
