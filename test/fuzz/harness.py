"""A node in this process whose callbacks are called as the executor would, and its books after each call."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from hybridgl_ros.action import Refer
from hybridgl_ros.srv import ReferSegment
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from fuzz.messages import FRAME, Fuzzer
from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.ros.segment.diagnostics import Report
from hybridgl_ros.ros.segment.segment_node import SegmentNode

GOOD_EVERY = 100
CUT_EVERY = 7
PATIENCE = 60.0
FRAMES = ("frames received", "frames bad")
ANSWERS = ("expressions answered", "expressions failed")
# Input → counters, one of which rises by each of its messages; calls have no counters, they are answered.
COUNTERS = {
    "image": FRAMES,
    "image/compressed": FRAMES,
    "depth": ("depth received",),
    "depth/compressedDepth": ("depth received",),
    "camera_info": ("camera_info received",),
    "expression": ANSWERS,
    "segment_node/expressions": ANSWERS,
}


class Goal(SimpleNamespace):
    """What the action's executor hands over, and how it ended."""

    ended = ""
    is_cancel_requested = False

    def __init__(self, number: int, request: Refer.Goal) -> None:
        super().__init__(goal_id=SimpleNamespace(uuid=number.to_bytes(16, "big")), request=request)

    def publish_feedback(self, feedback: Refer.Feedback) -> None:
        assert feedback.stage

    def succeed(self) -> None:
        self.ended = "succeeded"

    def abort(self) -> None:
        self.ended = "aborted"

    def canceled(self) -> None:
        self.ended = "canceled"


class FuzzedNode(SegmentNode):
    """A node that keeps its defects, and lets itself be asked without DDS."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.defects: list[str] = []
        super().__init__(*arguments, **options)

    def _report_defect(self, error: Exception) -> None:
        self.defects.append("".join(traceback.format_exception(type(error), error, error.__traceback__)))

    def describe(self) -> Report:
        return self._describe()

    def act(self, goal: Any) -> Refer.Result:
        return self._action._execute(goal)


def taker_of(subscription: Any) -> Callable[[Any], None]:
    """What takes a message; serialized, where the subscription wants that, and not always in one piece."""
    if not subscription.raw:
        return subscription.callback
    numbers = count()

    def take(message: Any) -> None:
        data = serialize_message(message)
        number = next(numbers)
        if number % CUT_EVERY == CUT_EVERY - 1:
            data = data[: number % len(data)]
        subscription.callback(data)

    return take


class Harness:
    """A segment_node, and whatever it takes in, by name. picture: H×W×3 uint8 RGB with a red block.

    Raises AssertionError as soon as something stays silent.
    """

    def __init__(self, make_segmenter: Callable[[Any], Any], picture: np.ndarray, *parameters: str) -> None:
        self.picture = image_message(picture, "rgb8", Header(frame_id=FRAME))
        self.calls = 0
        arguments = ["--ros-args", "-r", "__ns:=/fuzz", *parameters]
        self.node = FuzzedNode(make_segmenter, arguments=arguments)
        self._executor = MultiThreadedExecutor(num_threads=4)
        self._executor.add_node(self.node)
        self._listen()
        self._spinning = threading.Thread(target=self._spin, daemon=True)
        self._spinning.start()
        self._until(lambda: self.values()["models"] == "ready" and self.node.state == "active")
        self.inputs: dict[str, tuple[type, Callable[[Any], None]]] = {
            subscription.topic_name.removeprefix("/fuzz/"): (subscription.msg_type, taker_of(subscription))
            for subscription in self.node.subscriptions
            if subscription.topic_name.startswith("/fuzz/")
        }
        (service,) = [entry for entry in self.node.services if entry.srv_type is ReferSegment]
        self._serve = service.callback
        self.inputs["refer_segment"] = (ReferSegment.Request, self._call)
        self.inputs["refer"] = (Refer.Goal, self._act)
        # Expressions wait for the first picture.
        if "image" in self.inputs:
            self.put("image", self.picture)
        else:
            png = cv2.imencode(".png", picture[..., ::-1])[1]
            self.put("image/compressed", CompressedImage(header=self.picture.header, format="png", data=png.tobytes()))

    def values(self) -> dict[str, Any]:
        """The node's diagnostics."""
        return dict(self.node.describe().values)

    def put(self, name: str, message: Any, patience: float = PATIENCE) -> None:
        """Give a message to an input, and see that it was counted."""
        before = self._counted(name)
        self.inputs[name][1](message)
        self.calls += 1
        if name in COUNTERS:
            self._until(lambda: self._counted(name) > before, patience)

    def good(self) -> None:
        """A good request is answered."""
        response = self._respond(ReferSegment.Request(expression="the red block", image=self.picture))
        assert response.success and response.objects[0].expression == "the red block", response.message

    def run(self, fuzzer: Fuzzer, count: int) -> None:
        """So many messages to all inputs in turn; a good request after each hundred."""
        names = list(self.inputs)
        for number in range(count):
            name = names[number % len(names)]
            self.put(name, fuzzer.make(self.inputs[name][0]))
            if number % GOOD_EVERY == GOOD_EVERY - 1:
                self.good()
        defects = self.node.defects
        assert not defects, "\n".join(defects[:5])

    def close(self) -> None:
        """End the node."""
        self.node.close()
        self._executor.shutdown()
        self._spinning.join()
        self.node.destroy_node()
        self._listener.destroy_node()

    def _counted(self, name: str) -> int:
        values = self.values()
        return sum(int(values[key]) for key in COUNTERS.get(name, ()))

    def _listen(self) -> None:
        """Whatever the node publishes is heard, so that it is made and sent."""
        self._listener = Node("listener")
        for publisher in list(self.node.publishers):
            self._listener.create_subscription(publisher.msg_type, publisher.topic_name, lambda message: None, 1)
        self._executor.add_node(self._listener)

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            self._executor.spin()

    def _respond(self, request: Any) -> Any:
        return self._serve(request, ReferSegment.Response())

    def _call(self, request: Any) -> None:
        response = self._respond(request)
        assert response.message, "a response without a word"
        assert response.success == bool(response.objects)

    def _act(self, request: Refer.Goal) -> None:
        goal = Goal(self.calls, request)
        result = self.node.act(goal)
        assert result.message and goal.ended == ("succeeded" if result.success else "aborted")

    def _until(self, condition: Callable[[], bool], patience: float = PATIENCE) -> None:
        end = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < end, "nothing was counted"
            time.sleep(0.0005)
