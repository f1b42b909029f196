"""segment_node: camera images and expressions in, the referent's mask out."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError

from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState
from rclpy.parameter import Parameter

from hybridgl_ros.errors import ConfigError, HybridGLError
from hybridgl_ros.ros.common.managed import ManagedNode, guarded
from hybridgl_ros.ros.common.notices import Notices
from hybridgl_ros.ros.common.parameters import (
    apply_changes,
    declare_config,
    declare_settings,
    plain,
    unknown_parameters,
)
from hybridgl_ros.ros.common.settings import SegmentSettings, default_settings
from hybridgl_ros.ros.segment import refusals
from hybridgl_ros.ros.segment.calls import ReferAction, ReferService
from hybridgl_ros.ros.segment.cameras import run_cameras
from hybridgl_ros.ros.segment.counters import Counters
from hybridgl_ros.ros.segment.depth_input import DepthInput
from hybridgl_ros.ros.segment.desk import Desk
from hybridgl_ros.ros.segment.diagnostics import Diagnostics, Report, memory_values, model_values, summary_of
from hybridgl_ros.ros.segment.engine import ModelState
from hybridgl_ros.ros.segment.expressions import ExpressionTopic
from hybridgl_ros.ros.segment.image_input import ImageInput
from hybridgl_ros.ros.segment.inference import Inference
from hybridgl_ros.ros.segment.model_store import Segmenter, load_segmenter
from hybridgl_ros.ros.segment.recorder import make_recorder
from hybridgl_ros.ros.segment.refusals import RefusedError
from hybridgl_ros.ros.segment.worker import ENDING, InferenceWorker
from hybridgl_ros.settings import Config
from hybridgl_ros.threads import quiet_waiting

WATCH_PERIOD = 1.0
ENDING_PATIENCE = 0.6
# One for a transition, which may last, and some for what is short.
SPARE_THREADS = 5


class SegmentNode(ManagedNode):
    """Answers expressions that come by topic, service or action, on the newest frame or on a picture of the request.

    A managed node: configuring loads the models, activating subscribes, deactivating stops all work and cleaning up
    drops the models. With `autostart` it subscribes at once, so that nothing is missed while the models load, and
    does the rest by itself.
    make_segmenter: called in the inference thread, with the checked configuration, whenever the node is configured and
    its models are not loaded yet. inference: thread and models that are shared with other nodes of the process, in
    place of the node's own. arguments: ROS arguments of this node alone; they win over the process's.
    """

    def __init__(
        self,
        make_segmenter: Callable[[Config], Segmenter] = load_segmenter,
        *,
        inference: Inference | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        super().__init__("segment_node", cli_args=list(arguments))
        self.settings = declare_settings(self, default_settings(SegmentSettings, "segment_node"))
        self.config = declare_config(self, self.settings)
        self._counters = Counters(self.settings.diagnostics_window)
        # rclpy wants each line of code to log at one severity only.
        self._warnings = Notices(lambda text: self.get_logger().warning(text))
        self._defects = Notices(lambda text: self.get_logger().error(text))
        self._namesakes = 1
        self._closed = False
        self._active = False
        self._starting = self.settings.autostart
        self._models: dict[str, object] = {}
        self.ended = True
        self._worker = InferenceWorker(
            inference or Inference(make_segmenter),
            self.config,
            report=self._report_defect,
            limit=self.settings.waiting_limit,
            cache_capacity=self.settings.scene_cache,
        )
        self._recorder = make_recorder(self.settings.rerun, self._warnings.add, self._report_defect)
        self._depth = DepthInput(self, lambda: self.settings)
        self._images = ImageInput(
            self, self.settings.image_transport, self._depth, on_frame=self._on_frame, on_bad=self._on_bad_image
        )
        desk = Desk(
            self._worker,
            self._images,
            self._counters,
            settings=lambda: self.settings,
            check_open=self._check_open,
            report=self._report_defect,
            recorder=self._recorder,
        )
        self._expressions = ExpressionTopic(
            self,
            desk,
            self._images.frames,
            settings=lambda: self.settings,
            config=lambda: self.config,
            warnings=self._warnings,
            report=self._report_defect,
        )
        ReferService(self, desk)
        self._action = ReferAction(self, desk)
        self._diagnostics = Diagnostics(self, self._describe)
        # A steady clock: with use_sim_time and no /clock the node must still say what is wrong.
        self.create_timer(WATCH_PERIOD, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.add_on_set_parameters_callback(self._on_parameters)
        for line in unknown_parameters(self):
            self.get_logger().warning(line)
        if self._starting:
            self._open()
            self.start_by_itself(self._on_started)

    @property
    def threads(self) -> int:
        """Threads the executor needs for every waiting call to block one and the rest to go on."""
        return self.settings.waiting_limit + SPARE_THREADS

    def close(self) -> None:
        """Let the worker end, but not for long: loading big models takes minutes. Waiting calls are told."""
        self._active = False
        self._expressions.close()
        # Python takes seconds to put torch away on a busy machine; `run` does not wait for that either.
        self.ended = self._worker.close(ENDING_PATIENCE) and "torch" not in sys.modules
        self._expressions.end()
        if self._recorder is not None:
            self._recorder.close()
        self._closed = True

    def destroy_node(self) -> None:
        """End the worker, then the node."""
        if not self._closed:
            self.close()
        self._action.destroy()
        super().destroy_node()

    @guarded
    def on_configure(self, state: LifecycleState) -> None:
        """Load the models, in the inference thread; this one waits."""
        self._models = model_values(self.config)
        self._worker.load().result()
        if self._worker.state is not ModelState.READY:
            raise RefusedError(self._worker.problem, refusals.NO_MODELS)
        ready = "ready for expressions" if self._starting else "to be activated"
        self.get_logger().info(f"models loaded; {ready}")

    @guarded
    def on_activate(self, state: LifecycleState) -> None:
        """Take frames, expressions and calls."""
        self._open()
        self._active = True

    @guarded
    def on_deactivate(self, state: LifecycleState) -> None:
        """Take none any more, and answer what waits or is in hand with that."""
        self._stop("the node was deactivated")

    @guarded
    def on_cleanup(self, state: LifecycleState) -> None:
        """Drop the models."""
        self._worker.unload().result()

    @guarded
    def on_shutdown(self, state: LifecycleState) -> None:
        """Stop everything, and drop the models."""
        self._stop("the node was shut down")
        self._worker.unload().result()
        self._worker.close(ENDING_PATIENCE)

    def on_failed_transition(self, error: Exception) -> None:
        """Tell why; `state` is still the transition's."""
        if isinstance(error, CancelledError) or self._closed:
            return
        if isinstance(error, HybridGLError):
            self._counters.note(str(error))
            consequence = "no models, every call will fail: " if self._worker.state is ModelState.FAILED else ""
            self.get_logger().error(f"{consequence}{error}")
        else:
            self._report_defect(error)

    def _open(self) -> None:
        self._depth.open()
        self._images.open()
        self._expressions.open()

    def _stop(self, reason: str) -> None:
        self._active = False
        self._expressions.close()
        self._images.close()
        self._depth.close()
        self._worker.drop(reason)

    def _on_started(self) -> None:
        self._starting = False
        if not self._active and not self._closed:
            self._stop(self._worker.problem)

    def _check_open(self) -> None:
        """Raise RefusedError while the node answers no calls, with what to do about it."""
        models = self._worker.state
        if self._closed:
            raise RefusedError(ENDING, refusals.ENDING)
        if models is ModelState.FAILED:
            raise RefusedError(self._worker.problem, refusals.NO_MODELS)
        if models is ModelState.LOADING or self._starting:
            raise RefusedError("the models are still loading", refusals.LOADING)
        if not self._active:
            step = {"unconfigured": "configure", "inactive": "activate"}.get(self.state)
            hint = f": ros2 lifecycle set {self.get_fully_qualified_name()} {step}" if step else ""
            raise RefusedError(f"the node is {self.state}{hint}", refusals.INACTIVE)

    def _on_frame(self) -> None:
        self._counters.frames.add()
        self._expressions.on_frame()

    def _on_bad_image(self, problem: str) -> None:
        self._counters.miss(problem)
        self._warnings.add(f"image on {self._images.topic} left out: {problem}")

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
            self._expressions.switch()
        return SetParametersResult(successful=True)

    def _watch(self) -> None:
        """Once a second: hints for a person, and the diagnostics. Whatever is wrong with them, the node goes on."""
        try:
            self._tell()
        except Exception as error:
            # The context may be shut down at any time, by anybody in this process.
            if self.context.ok():
                self._report_defect(error)

    def _tell(self) -> None:
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
        self._diagnostics.publish()

    def _describe(self) -> Report:
        """The node's state, for the diagnostics."""
        models, timeout = self._worker.state, self.settings.image_timeout
        if models is ModelState.READY and self._starting:
            models = ModelState.LOADING
        level, message = summary_of(self.state, models, self._worker.problem, self._images, self._depth, timeout)
        values: dict[str, object] = {
            "state": self.state,
            "models": models.value,
            **self._models,
            **self._images.values(),
            **self._depth.values(),
            "expressions waiting": self._worker.waiting,
            "scenes kept": self._worker.cached,
            "smaller batches": self._worker.economy,
            **self._expressions.values(),
            **self._counters.values(),
            **memory_values(),
        }
        return Report(level, message, values)


def main(arguments: list[str] | None = None) -> int:
    """Run the node, or one for each `--camera`, until it is interrupted; returns the exit code."""
    quiet_waiting()
    return run_cameras(SegmentNode, load_segmenter, arguments)


if __name__ == "__main__":
    sys.exit(main())
