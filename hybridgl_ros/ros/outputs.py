"""What segment_node publishes of each answer."""

from __future__ import annotations

from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Float32

from hybridgl_ros.drawing import draw_answer
from hybridgl_ros.msg import ReferredObject
from hybridgl_ros.ros.conversion import image_message
from hybridgl_ros.ros.messages import referred_objects
from hybridgl_ros.ros.qos import RESULTS, overridden
from hybridgl_ros.ros.worker import Outcome


class Outputs:
    """Publishers of `~/mask`, `~/score`, `~/result` and, while somebody looks, `~/overlay`."""

    def __init__(self, node: Node) -> None:
        def publisher(kind: type, topic: str):
            profile = overridden(node, node.resolve_topic_name(topic), "publisher", RESULTS)
            return node.create_publisher(kind, topic, profile)

        self._mask = publisher(Image, "~/mask")
        self._score = publisher(Float32, "~/score")
        self._result = publisher(ReferredObject, "~/result")
        self._overlay = publisher(Image, "~/overlay")

    def publish(self, outcome: Outcome) -> None:
        """Publish an outcome. Raises ValueError when it has no answer."""
        answer, image, header = outcome.answer, outcome.image, outcome.header
        if answer is None or image is None:
            raise ValueError(f"no answer to publish: {outcome.problem}")
        (result,) = referred_objects(answer, outcome.expression, header, outcome.latency)
        self._mask.publish(result.mask)
        self._score.publish(Float32(data=result.score))
        self._result.publish(result)
        if self._overlay.get_subscription_count():
            self._overlay.publish(image_message(draw_answer(image, answer), "rgb8", header))
