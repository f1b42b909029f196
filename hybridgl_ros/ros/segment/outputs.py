"""What segment_node publishes of each answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Float32

from hybridgl_ros.drawing import draw_answer
from hybridgl_ros.msg import ReferredObject, ReferredObjects
from hybridgl_ros.ros.common.conversion import image_message, jpeg_message, mask_message, mask_png_message
from hybridgl_ros.ros.common.graph import COMPRESSED_SUFFIX
from hybridgl_ros.ros.common.messages import all_referents, referred_objects
from hybridgl_ros.ros.common.publishers import heard, publisher_of
from hybridgl_ros.ros.common.qos import results_of
from hybridgl_ros.ros.common.settings import SegmentSettings
from hybridgl_ros.ros.segment.job import Outcome
from hybridgl_ros.ros.segment.place_outputs import PlaceOutputs
from hybridgl_ros.ros.segment.vision_outputs import VisionOutputs
from hybridgl_ros.types import Answer


class Outputs:
    """Publishers of `~/mask` (of all referents), `~/score`, `~/result` (the first), `~/results` and `~/overlay`.

    What holds a picture is published while somebody listens to it. places: publishes where the referents are.
    vision: publishes what is made of all expressions of a list. settings: the present ones.
    """

    def __init__(
        self, node: Node, places: PlaceOutputs, vision: VisionOutputs, settings: Callable[[], SegmentSettings]
    ) -> None:
        self._places = places
        self._vision = vision
        self._settings = settings
        room = results_of(settings().list_limit)
        self._mask = publisher_of(node, Image, "~/mask", room)
        self._mask_png = publisher_of(node, CompressedImage, f"~/mask{COMPRESSED_SUFFIX}", room)
        self._score = publisher_of(node, Float32, "~/score", room)
        self._result = publisher_of(node, ReferredObject, "~/result", room)
        self._results = publisher_of(node, ReferredObjects, "~/results", room)
        self._overlay = publisher_of(node, Image, "~/overlay", room)
        self._overlay_jpeg = publisher_of(node, CompressedImage, f"~/overlay{COMPRESSED_SUFFIX}", room)

    def publish(self, outcomes: Sequence[Outcome]) -> None:
        """Publish the answers to expressions that were answered together, and what they make together."""
        objects: list[ReferredObject] = []
        image: np.ndarray | None = None
        for outcome in outcomes:
            if outcome.answer is not None and outcome.image is not None:
                image = outcome.image
                objects += self._publish(outcome, outcome.answer, image)
        if image is not None:
            self._places.publish(outcomes, objects, image)
            self._vision.publish(outcomes, objects)

    def _publish(self, outcome: Outcome, answer: Answer, image: np.ndarray) -> list[ReferredObject]:
        """Publish one answer where somebody listens; returns its objects."""
        header = outcome.header
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
        self._places.publish_pose(objects[0])
        raw, compressed = heard(self._overlay), heard(self._overlay_jpeg)
        if raw or compressed:
            drawn = draw_answer(image, answer)
            if raw:
                self._overlay.publish(image_message(drawn, "rgb8", header))
            if compressed:
                self._overlay_jpeg.publish(jpeg_message(drawn, self._settings().jpeg_quality, header))
        return objects
