"""A bag through the running segment_node: play it, collect the results, ask the node what it saw."""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Thread
from typing import Any, NamedTuple
from uuid import uuid4

from rcl_interfaces.srv import GetParameters
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

from hybridgl_ros.config import build
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.datasets.bag import BagDataset, stamp_of
from hybridgl_ros.evaluation.datasets.segmentations import encode_rle
from hybridgl_ros.evaluation.online import Playback, Reply
from hybridgl_ros.msg import ReferredObject
from hybridgl_ros.pixels import unpack_rows
from hybridgl_ros.ros.bags.bag_player import BagPlayer
from hybridgl_ros.ros.common.client import NoAnswerError, SegmentClient
from hybridgl_ros.ros.common.interruption import Interruption
from hybridgl_ros.settings import Config, descriptions

# Every frame is answered, and by itself.
PLAYING: dict[str, Any] = {"mode": "continuous", "tracking.enabled": False}
EVERY_RESULT = QoSProfile(history=HistoryPolicy.KEEP_ALL, reliability=ReliabilityPolicy.RELIABLE)
RESTORING_TIME = 10.0
IDLE_REPORTS = 2
"""Diagnostics in a row that say that nothing waits and nothing came, before the node counts as done."""
MOST_IDLE_REPORTS = 10
"""Diagnostics in a row that say that nothing waits, after which it counts as done though frames go on coming."""
# As the node's diagnostics call them.
COUNTED = ("frames received", "expressions answered", "expressions waiting")


class Counts(NamedTuple):
    """What a node has counted since its start, and what waits."""

    frames: int
    answers: int
    waiting: int


class Replies:
    """Hears a node's results in a thread of its own, however busy the rest is; none is lost, the masks as runs."""

    def __init__(self, node: str) -> None:
        self._replies: list[Reply] = []
        self._node = Node(f"reply_listener_{uuid4().hex[:8]}", start_parameter_services=False)
        self._node.create_subscription(ReferredObject, f"{node}/result", self._on_result, EVERY_RESULT)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = Thread(target=self._spin, daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._replies)

    def take(self) -> list[Reply]:
        """What was heard since the last time, in the order in which it came."""
        replies, self._replies = self._replies, []
        return replies

    def close(self) -> None:
        """End the thread and give the node back."""
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            self._executor.spin()

    def _on_result(self, message: ReferredObject) -> None:
        self._replies.append(reply_of(message, time.monotonic()))


class OnlineEvaluation:
    """Plays a bag into a running segment_node and hears its results.

    node: fully qualified name of the segment_node. timeout: seconds to wait for it at each step. rclpy must be
    initialised, and not handle signals; interruption does, so that the node gets its mode back.
    Raises DatasetError when a topic of the bag is of another type.
    """

    def __init__(
        self, dataset: BagDataset, interruption: Interruption, node: str = "/segment_node", timeout: float = 300.0
    ) -> None:
        if not node.startswith("/"):
            raise ConfigError(f"the node's full name is wanted, like /{node}, not {node}")
        self._dataset = dataset
        self._name = node
        self._player = BagPlayer(dataset.bag, dataset.topics, namespace=node.rpartition("/")[0])
        self._interruption = interruption
        self._client = SegmentClient(node, timeout, check=interruption.check)
        self._replies = Replies(node)

    def wait_until_ready(self) -> None:
        """Wait until the node runs, has its models and listens. Raises NoAnswerError saying what is missing."""
        try:
            self._client.diagnostics()
        except NoAnswerError as error:
            raise NoAnswerError(f"{error}; does it run? ros2 launch hybridgl_ros segment.launch.py") from None
        self._client.wait_for_models()
        player = self._player
        try:
            self._client.wait_for(lambda: player.is_heard_by(self._name) or None, f"{self._name} to listen")
        except NoAnswerError as error:
            raise NoAnswerError(
                f"{error} to {player.image_topic} and {player.expression_topic}; "
                "name its topics with --ros-args -r image:=TOPIC -r expression:=TOPIC"
            ) from None

    def play(self, rate: float = 1.0, stop: int | None = None) -> tuple[list[Reply], Playback]:
        """Play the bag, to its end or to a bag time (ns), and wait until the node has nothing left to answer.

        The node is in continuous mode meanwhile, but follows nothing. When it falls silent, or at Ctrl-C, this ends
        with what is there.
        """
        known = self._client.node.get_fully_qualified_name()
        notes = [f"{other} publishes on the same topics" for other in self._player.others(known)]
        complete, seen = False, None
        parameters = self._parameters(list(PLAYING))
        self._set(parameters, PLAYING)
        try:
            before = self._counts()
            self._replies.take()
            self._player.play(self._pause, rate, stop)
            after = self._wait_until_idle()
            seen = after.frames - before.frames
            notes += self._wait_for_replies(after.answers - before.answers)
            complete = True
        except KeyboardInterrupt:
            notes.append("stopped early: the figures are of a part of the bag")
        except NoAnswerError as error:
            notes.append(str(error))
        finally:
            self._interruption.hold()
            self._client.timeout = min(self._client.timeout, RESTORING_TIME)
            try:
                self._set(PLAYING, parameters)
            except NoAnswerError as error:
                notes.append(f"mode {parameters['mode']} is not restored: {error}")
        playback = Playback(self._player.published, seen, complete, tuple(notes))
        return self._replies.take(), playback

    def node_config(self) -> Config:
        """The settings of the method that the node runs under."""
        return build(self._parameters(list(descriptions())), where=self._name)

    def close(self) -> None:
        """Give the nodes back."""
        self._player.close()
        self._replies.close()
        self._client.close()

    def _pause(self, seconds: float) -> None:
        self._client.take_in(seconds)
        self._interruption.check()

    def _parameters(self, names: list[str]) -> dict[str, Any]:
        """The node's values of some parameters, as Python's own types; rclpy hands out arrays."""
        client = self._client.node.create_client(GetParameters, f"{self._name}/get_parameters")
        response = self._client.call(client, GetParameters.Request(names=names))
        self._client.node.destroy_client(client)
        values = (parameter_value_to_python(value) for value in response.values)
        plain = [value if isinstance(value, (str, bool, int, float)) else list(value or ()) for value in values]
        return dict(zip(names, plain, strict=True))

    def _set(self, before: dict[str, Any], wanted: dict[str, Any]) -> None:
        for name, value in wanted.items():
            refused = "" if before[name] == value else self._client.set_parameter(self._name, name, value)
            if refused:
                raise NoAnswerError(f"{self._name} does not take {name} {value}: {refused}")

    def _wait_until_idle(self) -> Counts:
        """Wait until nothing is left to answer; returns what the node has counted by then."""
        idle = still = 0
        counts = Counts(0, 0, 0)
        while still < IDLE_REPORTS and idle < MOST_IDLE_REPORTS:
            before, counts = counts, self._counts()
            idle = 0 if counts.waiting else idle + 1
            # A busy machine brings the last frames late; nothing waits until they are there.
            still = still + 1 if idle and counts == before else 0
        return counts

    def _wait_for_replies(self, answers: int) -> list[str]:
        """Wait until so many replies were heard, or no more come; a note when there are fewer."""
        heard, silent = len(self._replies), 0
        while heard < answers and silent < IDLE_REPORTS:
            self._client.diagnostics()
            silent = 0 if len(self._replies) > heard else silent + 1
            heard = len(self._replies)
        if heard >= answers:
            return []
        return [f"the node gave {answers} answers, {heard} were heard: others are lost, or answered service calls"]

    def _counts(self) -> Counts:
        values = self._client.diagnostics()
        return Counts(*(int(values[name]) for name in COUNTED))


def reply_of(message: ReferredObject, received: float) -> Reply:
    """A result message without ROS."""
    return Reply(
        stamp=stamp_of(message),
        expression=message.expression,
        found=message.found,
        score=message.score,
        similarity=message.similarity,
        margin=message.margin,
        mask=encode_rle(unpack_rows(message.mask) > 0),
        received=received,
    )
