"""Where requests are taken up, or refused with a reason, whatever way they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

from sensor_msgs.msg import Image

from hybridgl_ros.errors import ExpressionError, HybridGLError
from hybridgl_ros.pixels import check_message
from hybridgl_ros.progress import Progress, unwatched
from hybridgl_ros.ros.common.conversion import image_from_message
from hybridgl_ros.ros.common.messages import referred_objects, summary
from hybridgl_ros.ros.common.settings import SegmentSettings
from hybridgl_ros.ros.segment.counters import Counters
from hybridgl_ros.ros.segment.image_input import ImageInput
from hybridgl_ros.ros.segment.job import Frame, Outcome
from hybridgl_ros.ros.segment.recorder import AnswerRecorder
from hybridgl_ros.ros.segment.refusals import NO_IMAGE, RefusedError, kind_of
from hybridgl_ros.ros.segment.worker import ENDING, InferenceWorker
from hybridgl_ros.tracking.tracker import Tracker


class Desk:
    """Checks requests, chooses their pictures and hands them to the worker; counts what becomes of them.

    settings: the present ones. check_open: raises RefusedError while the node answers no calls. report: is told of
    defects. recorder: is given what was answered, if there is one.
    """

    def __init__(
        self,
        worker: InferenceWorker,
        images: ImageInput,
        counters: Counters,
        *,
        settings: Callable[[], SegmentSettings],
        check_open: Callable[[], None],
        report: Callable[[Exception], None],
        recorder: AnswerRecorder | None = None,
    ) -> None:
        self._worker = worker
        self._images = images
        self._settings = settings
        self._check_open = check_open
        self._report = report
        self._recorder = recorder
        self.counters = counters

    def check_expression(self, expression: str) -> None:
        """Raise ExpressionError for one that is not worth a turn."""
        limit = self._settings().expression_limit
        if not expression.strip():
            raise ExpressionError("the expression is empty")
        if len(expression) > limit:
            raise ExpressionError(
                f"the expression has {len(expression)} characters, more than expression_limit ({limit})"
            )

    def newest_frame(self) -> Frame:
        """The newest frame of the camera. Raises RefusedError, which says why, when there is none."""
        frame = self._images.frames.read()
        if frame is None:
            raise RefusedError(self._images.silence(self._settings().image_timeout), NO_IMAGE)
        return frame

    def submit(
        self,
        question: str | tuple[str, ...],
        frame: Callable[[], Frame],
        source: str,
        *,
        counted: bool = True,
        deadline: float = 0.0,
        watch: Progress = unwatched,
        trackers: Sequence[Tracker] = (),
    ) -> Future[Any]:
        """Have one or several answered; see `InferenceWorker.submit`. Raises HybridGLError when it is refused."""
        for expression in (question,) if isinstance(question, str) else question:
            self.check_expression(expression)
        future = self._worker.submit(
            question, frame, source=source, counted=counted, deadline=deadline, watch=watch, trackers=trackers
        )
        future.add_done_callback(self._count)
        return future

    def call(self, request: Any, source: str, watch: Progress = unwatched) -> Future[Outcome]:
        """Take up a request of service or action. Raises HybridGLError when it is refused, which is not yet counted."""
        self._check_open()
        frame = self._choose(request.image)
        deadline = max(0.0, request.deadline)
        return self.submit(request.expression, frame, source, deadline=deadline, watch=watch)

    def fill(self, response: Any, request: Any, promised: Callable[[], Outcome]) -> Outcome | None:
        """Wait for an outcome and write it into a response: success, message and objects. None: there was none."""
        try:
            outcome = promised()
        except HybridGLError as error:
            self.counters.fail(str(error), kind_of(error))
            response.message = str(error)
        except CancelledError:
            response.message = ENDING
        except Exception as error:
            self._report(error)
            response.message = f"{type(error).__name__}: {error}"
        else:
            self._write(response, request, outcome)
            return outcome
        return None

    def stop(self, future: Future[Outcome], problem: str) -> bool:
        """End a request that its caller does not want any more; False when it was answered before."""
        return self._worker.stop(future, problem)

    def _write(self, response: Any, request: Any, outcome: Outcome) -> None:
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

    def _choose(self, image: Image) -> Callable[[], Frame]:
        """The picture of the request, or else the newest one; raises when that is not possible now."""
        if image.width or image.height or len(image.data):
            check_message(image)
            return lambda: Frame(image.header, lambda: image_from_message(image))
        self.newest_frame()
        return self.newest_frame

    def _count(self, future: Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None:
            outcomes = outcomes_of(future)
            for outcome in outcomes:
                self.counters.count(outcome)
            if self._recorder is not None:
                self._recorder.add(outcomes)


def outcomes_of(future: Future[Any]) -> tuple[Outcome, ...]:
    """The outcomes of a request that is done, be it one or several."""
    result = future.result()
    return (result,) if isinstance(result, Outcome) else result
