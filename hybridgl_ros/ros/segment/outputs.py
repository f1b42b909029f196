"""What segment_node publishes of each answer."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Float32

from hybridgl_ros.drawing import draw_answer
from hybridgl_ros.msg import ReferredObject, ReferredObjects
from hybridgl_ros.ros.common.conversion import image_message, jpeg_message, mask_message, mask_png_message
from hybridgl_ros.ros.common.graph import COMPRESSED_SUFFIX
from hybridgl_ros.ros.common.messages import all_referents, referred_objects
from hybridgl_ros.ros.common.publishers import heard, publisher_of
from hybridgl_ros.ros.common.settings import SegmentSettings
from hybridgl_ros.ros.segment.job import Outcome
from hybridgl_ros.ros.segment.place_outputs import PlaceOutputs


class Outputs:
    """Publishers of `~/mask` (of all referents), `~/score`, `~/result` (the first), `~/results` and `~/overlay`.

    What holds a picture is published while somebody listens to it. places: publishes where the referents are.
    settings: the present ones.
    """

    def __init__(self, node: Node, places: PlaceOutputs, settings: Callable[[], SegmentSettings]) -> None:
        self._places = places
        self._settings = settings
        self._mask = publisher_of(node, Image, "~/mask")
        self._mask_png = publisher_of(node, CompressedImage, f"~/mask{COMPRESSED_SUFFIX}")
        self._score = publisher_of(node, Float32, "~/score")
        self._result = publisher_of(node, ReferredObject, "~/result")
        self._results = publisher_of(node, ReferredObjects, "~/results")
        self._overlay = publisher_of(node, Image, "~/overlay")
        self._overlay_jpeg = publisher_of(node, CompressedImage, f"~/overlay{COMPRESSED_SUFFIX}")

    def publish(self, outcome: Outcome) -> None:
        """Publish an outcome where somebody listens. Raises ValueError when it has no answer."""
        answer, image, header = outcome.answer, outcome.image, outcome.header
        if answer is None or image is None:
            raise ValueError(f"no answer to publish: {outcome.problem}")
        objects = referred_objects(answer, outcome.expression, header, outcome.latency, places=outcome.places)
        self._score.publish(Float32(data=float(answer.score)))
        if heard(self._mask):
            self._mask.publish(mask_message(answer.mask, header))
        if heard(self._mask_png):
            self._mask_png.publish(mask_png_message(answer.mask, self._settings().png_level, header))
        if heard(self._results):
            self._results.publish(all_referents(answer, objects))
        if heard(self._result):
            self._result.publish(objects[0])
        self._places.publish(outcome, objects)
        raw, compressed = heard(self._overlay), heard(self._overlay_jpeg)
        if raw or compressed:
            drawn = draw_answer(image, answer)
            if raw:
                self._overlay.publish(image_message(drawn, "rgb8", header))
            if compressed:
                self._overlay_jpeg.publish(jpeg_message(drawn, self._settings().jpeg_quality, header))
