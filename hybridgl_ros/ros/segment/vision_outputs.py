"""What segment_node publishes for programs that know vision_msgs: labels and detections of a whole list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image

from hybridgl_ros.labels import UNLABELED, Label, kind_of_numbers, label_picture, labels_of, threshold_of, unlabeled_of
from hybridgl_ros.msg import ReferredObject
from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.ros.common.publishers import heard, publisher_of
from hybridgl_ros.ros.common.qos import LATCHED
from hybridgl_ros.ros.common.vision import PACKAGE, detections, detections_3d, label_info, vision_messages
from hybridgl_ros.ros.segment.job import Outcome
from hybridgl_ros.settings import Config

ENCODINGS = {np.uint8: "mono8", np.uint16: "mono16"}
MISSING = f"{PACKAGE} is not installed: ~/label_info, ~/detections and ~/detections_3d are not published"


class VisionOutputs:
    """Publishers of `~/label_image`, and where vision_msgs is installed of `~/label_info` and both kinds of detections.

    All but `~/label_info` are made while somebody listens; that one is latched, and sent beside the picture and
    whenever the labels change. config: the method's present one.
    """

    def __init__(self, node: Node, config: Callable[[], Config]) -> None:
        self._config = config
        self._messages = vision_messages()
        self._latched: dict[int, str] | None = None
        self._picture = publisher_of(node, Image, "~/label_image")
        if self._messages is None:
            node.get_logger().info(MISSING)
            return
        self._info = publisher_of(node, self._messages.LabelInfo, "~/label_info", LATCHED)
        self._flat = publisher_of(node, self._messages.Detection2DArray, "~/detections")
        self._solid = publisher_of(node, self._messages.Detection3DArray, "~/detections_3d")

    def values(self) -> dict[str, object]:
        """What the diagnostics tell."""
        return {PACKAGE: "installed" if self._messages is not None else MISSING}

    def publish(self, outcomes: Sequence[Outcome], objects: Sequence[ReferredObject]) -> None:
        """Publish expressions that were answered together. objects: those of all, at least one."""
        header, mask = objects[0].header, objects[0].mask
        labels = labels_of([outcome.answer for outcome in outcomes])
        if heard(self._picture):
            numbers = label_picture(labels, (mask.height, mask.width))
            self._picture.publish(image_message(numbers, ENCODINGS[numbers.dtype.type], header))
        if self._messages is None:
            return
        self._publish_info(labels, [outcome.expression for outcome in outcomes], header)
        if heard(self._flat):
            self._flat.publish(detections(self._messages, objects, header))
        if heard(self._solid):
            self._solid.publish(detections_3d(self._messages, objects, header))

    def _publish_info(self, labels: Sequence[Label], expressions: Sequence[str], header: Any) -> None:
        names = {label.number: expressions[label.expression] for label in labels}
        names[unlabeled_of(kind_of_numbers(labels))] = UNLABELED
        if names != self._latched or heard(self._info) or heard(self._picture):
            self._latched = names
            self._info.publish(label_info(self._messages, names, threshold_of(self._config()), header))
