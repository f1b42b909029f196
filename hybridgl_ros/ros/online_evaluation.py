"""A bag through the running segment_node: play it, collect the results, ask the node what it saw."""

from __future__ import annotations

import signal
import time
from typing import Any

from rcl_interfaces.srv import GetParameters
from rclpy.parameter import parameter_value_to_python

from hybridgl_ros.config import build
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.datasets.bag import BagDataset, stamp_of
from hybridgl_ros.evaluation.online import Playback, Reply
from hybridgl_ros.msg import ReferredObject
from hybridgl_ros.pixels import unpack_rows
from hybridgl_ros.ros.bag_player import BagPlayer
from hybridgl_ros.ros.client import NoAnswerError, SegmentClient
from hybridgl_ros.ros.qos import RESULTS
from hybridgl_ros.settings import Config, descriptions

CONTINUOUS = "continuous"
RESTORING_TIME = 10.0
IDLE_REPORTS = 2
"""Diagnostics in a row that say that nothing waits, before the node counts as done."""


class Interruption:
    """Ctrl-C as a KeyboardInterrupt between rclpy's steps; afterwards the executor still has to restore the mode."""

    def __init__(self) -> None:
        self._noted = False
        self._handler: Any = None

    def defer(self) -> None:
        """From now on Ctrl-C is only noted, unless it is ignored anyway. To be called in the main thread."""
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            self._handler = signal.signal(signal.SIGINT, self._note)

    def check(self) -> None:
        """Raise KeyboardInterrupt, once, when Ctrl-C was noted."""
        if self._noted:
            self._noted = False
            raise KeyboardInterrupt

    def end(self) -> None:
        """Ctrl-C is again what it was before; what was noted is forgotten."""
        self._noted = False
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)

    def _note(self, *_: object) -> None:
        self._noted = True


class OnlineEvaluation:
    """Plays a bag into a running segment_node and hears its results.

    node: fully qualified name of the segment_node. timeout: seconds to wait for it at each step. rclpy must be
    initialised, and not handle signals, so that the node gets its mode back after Ctrl-C.
    Raises DatasetError when a topic of the bag is of another type.
    """

    def __init__(self, dataset: BagDataset, node: str = "/segment_node", timeout: float = 300.0) -> None:
        if not node.startswith("/"):
            raise ConfigError(f"the node's full name is wanted, like /{node}, not {node}")
        self._dataset = dataset
        self._name = node
        self._player = BagPlayer(dataset.bag, dataset.topics, namespace=node.rpartition("/")[0])
        self._interruption = Interruption()
        self._client = SegmentClient(node, timeout, check=self._interruption.check)
        self._results: list[tuple[ReferredObject, float]] = []
        self._client.node.create_subscription(ReferredObject, f"{node}/result", self._on_result, RESULTS)

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

        The node is in continuous mode meanwhile. When it falls silent, or at Ctrl-C, this ends with what is there.
        """
        known = self._client.node.get_fully_qualified_name()
        notes = [f"{other} publishes on the same topics" for other in self._player.others(known)]
        complete, seen = False, None
        mode = self._parameters(["mode"])["mode"]
        self._set_mode(mode, CONTINUOUS)
        try:
            self._interruption.defer()
            before = int(self._client.diagnostics()["frames received"])
            self._results.clear()
            self._player.play(self._pause, rate, stop)
            seen = self._wait_until_idle() - before
            complete = True
        except KeyboardInterrupt:
            notes.append("stopped early: the figures are of a part of the bag")
        except NoAnswerError as error:
            notes.append(str(error))
        finally:
            self._interruption.end()
            self._client.timeout = min(self._client.timeout, RESTORING_TIME)
            try:
                self._set_mode(CONTINUOUS, mode)
            except NoAnswerError as error:
                notes.append(f"mode {mode} is not restored: {error}")
        playback = Playback(self._player.published, seen, complete, tuple(notes))
        return [reply_of(*result) for result in self._results], playback

    def node_config(self) -> Config:
        """The settings of the method that the node runs under."""
        return build(self._parameters(list(descriptions())), where=self._name)

    def close(self) -> None:
        """Give the nodes back."""
        self._player.close()
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

    def _set_mode(self, before: str, wanted: str) -> None:
        refused = "" if before == wanted else self._client.set_parameter(self._name, "mode", wanted)
        if refused:
            raise NoAnswerError(f"{self._name} does not take mode {wanted}: {refused}")

    def _wait_until_idle(self) -> int:
        """Wait until nothing is left to answer; returns how many frames the node has received since its start."""
        idle, values = 0, {}
        while idle < IDLE_REPORTS:
            values = self._client.diagnostics()
            idle = idle + 1 if values["expressions waiting"] == "0" else 0
        return int(values["frames received"])

    def _on_result(self, message: ReferredObject) -> None:
        self._results.append((message, time.monotonic()))


def reply_of(message: ReferredObject, received: float) -> Reply:
    """A result message without ROS."""
    return Reply(
        stamp=stamp_of(message),
        expression=message.expression,
        found=message.found,
        score=message.score,
        similarity=message.similarity,
        margin=message.margin,
        mask=unpack_rows(message.mask) > 0,
        received=received,
    )
