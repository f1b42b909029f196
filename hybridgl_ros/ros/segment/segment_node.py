"""segment_node: camera images and expressions in, the referent's mask out."""

from __future__ import annotations

import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import String

from hybridgl_ros.config import values_of
from hybridgl_ros.errors import ConfigError, ExpressionError, HybridGLError
from hybridgl_ros.pixels import check_message
from hybridgl_ros.ros.common.conversion import image_from_message
from hybridgl_ros.ros.common.executable import run
from hybridgl_ros.ros.common.messages import referred_objects, summary
from hybridgl_ros.ros.common.notices import Notices
from hybridgl_ros.ros.common.parameters import (
    apply_changes,
    declare_config,
    declare_settings,
    plain,
    unknown_parameters,
)
from hybridgl_ros.ros.common.qos import RESULTS, SERVICE, overridden
from hybridgl_ros.ros.common.settings import SegmentSettings, default_settings
from hybridgl_ros.ros.segment.depth_input import DepthInput
from hybridgl_ros.ros.segment.diagnostics import Counters, diagnostics
from hybridgl_ros.ros.segment.follower import Follower
from hybridgl_ros.ros.segment.image_input import ImageInput
from hybridgl_ros.ros.segment.outputs import Outputs
from hybridgl_ros.ros.segment.place_outputs import PlaceOutputs
from hybridgl_ros.ros.segment.worker import ENDING, Frame, InferenceWorker, ModelState, Outcome, RefusedError, Segmenter
from hybridgl_ros.settings import Config
from hybridgl_ros.srv import ReferSegment
from hybridgl_ros.threads import quiet_waiting

WATCH_PERIOD = 1.0
ENDING_PATIENCE = 2.0
SPARE_THREADS = 4


def load_segmenter(config: Config) -> Segmenter:
    """The real models. Imported late: torch takes seconds, and the node is to answer meanwhile."""
    from hybridgl_ros.segmenter import ReferringSegmenter

    return ReferringSegmenter.from_config(overrides=values_of(config))


class SegmentNode(Node):
    """Answers expressions that come by topic or by service, on the newest frame or on a picture of the request.

    make_segmenter: called once, in the inference thread, with the checked configuration.
    """

    def __init__(self, make_segmenter: Callable[[Config], Segmenter] = load_segmenter) -> None:
        super().__init__("segment_node")
        self.settings = declare_settings(self, default_settings(SegmentSettings, "segment_node"))
        self.config = declare_config(self, self.settings)
        self._counters = Counters()
        # rclpy wants each line of code to log at one severity only.
        self._warnings = Notices(lambda text: self.get_logger().warning(text))
        self._defects = Notices(lambda text: self.get_logger().error(text))
        self._unseen: deque[str] = deque()
        self._newest_expression = ""
        self._follower = Follower(self._ask_when_seen)
        self._namesakes = 1
        self._publishing = threading.Lock()
        self._closed = False
        self.ended = True
        self._outputs = Outputs(self, PlaceOutputs(self, self.settings.target_frame, self._warnings.add))
        self._depth = DepthInput(self, lambda: self.settings)
        self._images = ImageInput(
            self, self.settings.image_transport, self._depth, on_frame=self._on_frame, on_bad=self._on_bad_image
        )
        expressions = overridden(self, self.resolve_topic_name("expression"), "subscription", RESULTS)
        self.create_subscription(String, "expression", self._on_expression, expressions)
        # Calls wait in threads of their own; the worker never needs one of them to go on.
        self.create_service(
            ReferSegment, "refer_segment", self._on_call, qos_profile=SERVICE, callback_group=ReentrantCallbackGroup()
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", RESULTS)
        # A steady clock: with use_sim_time and no /clock the node must still say what is wrong.
        self.create_timer(WATCH_PERIOD, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.add_on_set_parameters_callback(self._on_parameters)
        for line in unknown_parameters(self):
            self.get_logger().warning(line)
        # At last, when nothing can be refused any more: loading takes long.
        self._worker = InferenceWorker(
            make_segmenter,
            self.config,
            report=self._report_defect,
            limit=self.settings.waiting_limit,
            cache_capacity=self.settings.scene_cache,
        )
        self._worker.loaded.add_done_callback(self._on_loaded)

    @property
    def threads(self) -> int:
        """Threads the executor needs for every waiting call to block one and the rest to go on."""
        return self.settings.waiting_limit + SPARE_THREADS

    def close(self) -> None:
        """Let the worker end, but not for long: loading big models takes minutes. Waiting calls are told."""
        self._follower.follow("")
        self.ended = self._worker.close(ENDING_PATIENCE)
        with self._publishing:
            self._closed = True

    def destroy_node(self) -> None:
        """End the worker, then the node."""
        if not self._closed:
            self.close()
        super().destroy_node()

    def _on_call(self, request: ReferSegment.Request, response: ReferSegment.Response) -> ReferSegment.Response:
        try:
            self._answer_call(request, response)
        except HybridGLError as error:
            self._counters.fail(str(error))
            response.message = str(error)
        except CancelledError:
            response.message = ENDING
        except Exception as error:
            self._report_defect(error)
            response.message = f"{type(error).__name__}: {error}"
        return response

    def _answer_call(self, request: ReferSegment.Request, response: ReferSegment.Response) -> None:
        outcome = self._submit(request.expression, self._choose_frame(request)).result()
        if outcome.answer is None:
            response.message = outcome.problem
            return
        response.objects = referred_objects(
            outcome.answer,
            request.expression,
            outcome.header,
            outcome.latency,
            max(1, request.candidates),
            outcome.places,
        )
        response.message = summary(outcome.answer)
        response.success = True

    def _choose_frame(self, request: ReferSegment.Request) -> Callable[[], Frame]:
        """The picture of the request, or else the newest one; raises when that is not possible now."""
        image = request.image
        self._check_models()
        if image.width or image.height or len(image.data):
            check_message(image)
            return lambda: Frame(image.header, lambda: image_from_message(image))
        self._newest_frame()
        return self._newest_frame

    def _check_models(self) -> None:
        if self._worker.state is ModelState.LOADING:
            raise RefusedError("the models are still loading")
        if self._worker.state is ModelState.FAILED:
            raise RefusedError(self._worker.problem)

    def _newest_frame(self) -> Frame:
        frame = self._images.frames.read()
        if frame is None:
            raise RefusedError(self._images.silence(self.settings.image_timeout))
        return frame

    def _submit(self, expression: str, frame: Callable[[], Frame], *, counted: bool = True) -> Future[Outcome]:
        self._check_expression(expression)
        future = self._worker.submit(expression, frame, counted=counted)
        future.add_done_callback(self._count)
        return future

    def _check_expression(self, expression: str) -> None:
        limit = self.settings.expression_limit
        if not expression.strip():
            raise ExpressionError("the expression is empty")
        if len(expression) > limit:
            raise ExpressionError(
                f"the expression has {len(expression)} characters, more than expression_limit ({limit})"
            )

    def _on_expression(self, message: String) -> None:
        try:
            self._check_expression(message.data)
        except ExpressionError as error:
            self._refuse(str(error))
            return
        self._newest_expression = message.data
        if self.settings.mode == "continuous":
            self._follower.follow(message.data)
        elif self._images.frames.empty and len(self._unseen) < self.settings.waiting_limit:
            self._unseen.append(message.data)
        else:
            self._ask(message.data)

    def _on_frame(self) -> None:
        while self._unseen:
            self._ask(self._unseen.popleft())
        self._follower.wake()

    def _ask_when_seen(self, expression: str) -> Future[Outcome] | None:
        # One at a time, so it needs none of the limited places; with one place it would leave none to the service.
        return None if self._images.frames.empty else self._ask(expression, counted=False)

    def _ask(self, expression: str, *, counted: bool = True) -> Future[Outcome] | None:
        """Have an expression of the topic answered on the newest frame; None when it is refused."""
        try:
            self._newest_frame()
            future = self._submit(expression, self._newest_frame, counted=counted)
        except HybridGLError as error:
            self._refuse(str(error))
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
            if self._closed or not self.context.ok():
                return
            try:
                self._outputs.publish(outcome)
            except Exception as error:
                # The context may be shut down at any time, by anybody in this process.
                if self.context.ok():
                    self._report_defect(error)

    def _count(self, future: Future[Outcome]) -> None:
        if not future.cancelled():
            self._counters.count(future.result())

    def _refuse(self, problem: str) -> None:
        self._counters.fail(problem)
        self._warnings.add(problem)

    def _on_bad_image(self, problem: str) -> None:
        self._counters.bad += 1
        self._counters.last_error = problem
        self._warnings.add(f"image on {self._images.topic} left out: {problem}")

    def _on_loaded(self, loaded: Future[None]) -> None:
        if loaded.cancelled():
            return
        if self._worker.state is ModelState.READY:
            self.get_logger().info("models loaded; ready for expressions")
        else:
            self.get_logger().error(f"no models, every call will fail: {self._worker.problem}")

    def _report_defect(self, error: Exception) -> None:
        """Log an unexpected exception with its traceback, once a kind and place."""
        place = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
        where = f"{place.filename}:{place.lineno}" if place else ""
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self._defects.add(text, key=f"{type(error).__name__} {where}")

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        changes = {parameter.name: plain(parameter) for parameter in parameters}
        before = self.settings.mode
        try:
            self.settings, self.config = apply_changes(self.settings, self.config, changes)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._worker.configure(self.config, self.settings.scene_cache)
        if self.settings.mode != before:
            self._follower.follow(self._newest_expression if self.settings.mode == "continuous" else "")
        return SetParametersResult(successful=True)

    def _watch(self) -> None:
        """Once a second: hints for a person, and the diagnostics."""
        self._images.watch(self.settings.image_timeout)
        self._depth.adapt()
        self._warnings.tell()
        self._defects.tell()
        namesakes = self.get_node_names_and_namespaces().count((self.get_name(), self.get_namespace()))
        if namesakes > max(1, self._namesakes):
            self.get_logger().warning(
                f"{namesakes} nodes are called {self.get_fully_qualified_name()}; their services and parameters "
                "mix. Start one of them in another namespace (-r __ns:=/NAME)"
            )
        self._namesakes = namesakes
        message = diagnostics(
            self.get_fully_qualified_name(),
            self._worker.state,
            self._worker.problem,
            self._images,
            self._depth,
            self.settings.image_timeout,
            self._counters,
            {"expressions waiting": self._worker.waiting, "scenes kept": self._worker.cached},
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def main(arguments: list[str] | None = None) -> int:
    """Run the node until it is interrupted; returns the exit code."""
    quiet_waiting()
    return run(SegmentNode, arguments)


if __name__ == "__main__":
    sys.exit(main())
