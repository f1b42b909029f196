"""A client of segment_node in plain Python.

client = SegmentClient()
client.wait_until_ready()
response = client.refer("the red mug left of the plate")
print(response.success, response.message, response.objects[0].score)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import uuid4
from weakref import WeakSet

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image
from std_msgs.msg import String

from hybridgl_ros.errors import HybridGLError
from hybridgl_ros.msg import ReferredObject, ReferredObjects
from hybridgl_ros.ros.common.qos import RESULTS, SERVICE
from hybridgl_ros.srv import ReferSegment

Value = TypeVar("Value")
# Seconds.
SETTLING = 0.3


class NoAnswerError(HybridGLError):
    """The node did not do what was asked of it in time, or says that it cannot."""


class SegmentClient:
    """Asks a running segment_node; every call blocks until it is answered or `timeout` seconds have passed.

    rclpy must be initialised. node: fully qualified name of the segment_node. check: called while waiting, may raise
    to end the wait.
    """

    def __init__(
        self, node: str = "/segment_node", timeout: float = 60.0, check: Callable[[], None] = lambda: None
    ) -> None:
        self.timeout = timeout
        self._check = check
        self.node = Node(f"segment_client_{uuid4().hex[:8]}")
        self._segment_node = node
        namespace = node.rpartition("/")[0]
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._client = self.node.create_client(ReferSegment, f"{namespace}/refer_segment", qos_profile=SERVICE)
        self._expressions = self.node.create_publisher(String, f"{namespace}/expression", RESULTS)
        self._awaited: str | None = None
        self._result: ReferredObject | None = None
        self._results: ReferredObjects | None = None
        self._status: DiagnosticStatus | None = None
        self._diagnostics: Subscription | None = None
        self._settled: WeakSet[Any] = WeakSet()
        self.node.create_subscription(ReferredObject, f"{node}/result", self._on_result, RESULTS)
        self.node.create_subscription(ReferredObjects, f"{node}/results", self._on_results, RESULTS)

    def wait_until_ready(self, timeout: float | None = None) -> None:
        """Wait until the models are loaded and a frame has come. Raises NoAnswerError with the reason if not."""

        def state() -> DiagnosticStatus | None:
            settled = self._status is not None and self._status.level in (DiagnosticStatus.OK, DiagnosticStatus.ERROR)
            return self._status if settled else None

        self._listen_anew()
        try:
            status = self.wait_for(state, f"{self._segment_node} to be ready", timeout)
        except NoAnswerError as error:
            last = self._status.message if self._status else "nothing heard of it"
            raise NoAnswerError(f"{error}: {last}") from None
        if status.level == DiagnosticStatus.ERROR:
            raise NoAnswerError(f"{self._segment_node}: {status.message}")

    def wait_for_models(self, timeout: float | None = None) -> None:
        """Wait until the models are loaded. Raises NoAnswerError with the reason if not."""

        def state() -> str | None:
            values = {} if self._status is None else key_values(self._status)
            return values["models"] if values.get("models") in ("ready", "failed") else None

        self._listen_anew()
        if self.wait_for(state, f"the models of {self._segment_node}", timeout) == "failed" and self._status:
            raise NoAnswerError(f"{self._segment_node}: {self._status.message}")

    def diagnostics(self) -> dict[str, str]:
        """The next diagnostics of the node, as key and value."""
        self._listen_anew()
        return key_values(self.wait_for(lambda: self._status, f"diagnostics of {self._segment_node}"))

    def refer(
        self, expression: str, image: Image | None = None, candidates: int = 1, deadline: float = 0.0
    ) -> ReferSegment.Response:
        """Call the service; without an image on the newest frame. deadline: s it may wait for its turn, 0: any."""
        request = ReferSegment.Request(
            expression=expression, image=image or Image(), candidates=candidates, deadline=deadline
        )
        return self.call(self._client, request)

    def refer_by_topic(self, expression: str) -> ReferredObject:
        """Publish an expression and wait for the result that names it: the first object it refers to."""
        return self._hear(expression, lambda: self._result)

    def refer_all_by_topic(self, expression: str) -> tuple[ReferredObject, ReferredObjects]:
        """Publish an expression and wait for both results that name it: the first object, and all of them."""
        return self._hear(expression, self._both)

    def set_parameter(self, node: str, name: str, value: Any) -> str:
        """Set a parameter of any node; returns the reason why it was refused, empty when it was set."""
        client = self.node.create_client(SetParameters, f"{node}/set_parameters")
        parameter = Parameter(name, value=value).to_parameter_msg()
        (result,) = self.call(client, SetParameters.Request(parameters=[parameter])).results
        self.node.destroy_client(client)
        return "" if result.successful else result.reason or "refused"

    def call(self, client: Any, request: Any) -> Any:
        """Call any service and wait for its response."""
        self.meet(client)
        future = client.call_async(request)
        self.wait_for(lambda: future.done() or None, f"an answer of {client.srv_name}")
        return future.result()

    def meet(self, client: Any) -> None:
        """Wait for the service of a client, and give it time to discover the client: what it answers before is lost."""
        self.wait_for(lambda: client.service_is_ready() or None, f"service {client.srv_name}")
        if client not in self._settled:
            end = time.monotonic() + SETTLING
            while (left := end - time.monotonic()) > 0:
                self.take_in(left)
            self._settled.add(client)

    def wait_for(self, condition: Callable[[], Value | None], what: str, timeout: float | None = None) -> Value:
        """Take in messages until the condition gives a value. Raises NoAnswerError when the time is over."""
        timeout = self.timeout if timeout is None else timeout
        end = time.monotonic() + timeout
        while rclpy.ok():
            value = condition()
            if value is not None:
                return value
            if time.monotonic() > end:
                raise NoAnswerError(f"waited {timeout:g} s in vain for {what}")
            self._check()
            self.take_in(0.1)
        raise NoAnswerError(f"shut down while waiting for {what}")

    def take_in(self, seconds: float) -> None:
        """Take in what comes next, if anything comes within so many seconds."""
        self._executor.spin_once(timeout_sec=seconds)

    def close(self) -> None:
        """Give the node back."""
        self._executor.shutdown()
        self.node.destroy_node()

    def _listen_anew(self) -> None:
        """Forget what was heard of the node, what waits to be taken in included: it may have been restarted since."""
        self._status = None
        if self._diagnostics is None:
            self._diagnostics = self.node.create_subscription(
                DiagnosticArray, "/diagnostics", self._on_diagnostics, RESULTS
            )
        with self._diagnostics.handle:
            while self._diagnostics.handle.take_message(DiagnosticArray, False) is not None:
                pass

    def _hear(self, expression: str, heard: Callable[[], Value | None]) -> Value:
        """Publish an expression and wait for what is heard of it."""
        self.wait_for(lambda: self._expressions.get_subscription_count() or None, "a listener to expressions")
        self._awaited, self._result, self._results = expression, None, None
        try:
            self._expressions.publish(String(data=expression))
            return self.wait_for(heard, f"a result for {expression!r}")
        finally:
            self._awaited = self._result = self._results = None

    def _on_result(self, message: ReferredObject) -> None:
        if message.expression == self._awaited:
            self._result = message

    def _on_results(self, message: ReferredObjects) -> None:
        if message.expression == self._awaited:
            self._results = message

    def _both(self) -> tuple[ReferredObject, ReferredObjects] | None:
        """The newest results, once both are of one frame."""
        first, everything = self._result, self._results
        return (first, everything) if first and everything and first.header == everything.header else None

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            # diagnostic_updater puts the node's short name before.
            if status.name.rpartition(": ")[2] == self._segment_node:
                self._status = status


def key_values(status: DiagnosticStatus) -> dict[str, str]:
    """Key and value of a diagnostic status."""
    return {pair.key: pair.value for pair in status.values}
