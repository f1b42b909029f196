"""A camera as a process of its own: publishes frames of noise, a number each, and stays until it is ended.

Arguments: TOPIC WIDTH HEIGHT RELIABILITY FRAMES RATE. The first frame waits for a subscription that matches; the number
of a frame is the second of its stamp.
"""

from __future__ import annotations

import sys

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.ros.common.executable import run


class Camera(Node):
    def __init__(self, topic: str, width: str, height: str, reliability: str, frames: str, rate: str) -> None:
        super().__init__("camera")
        profile = QoSProfile(depth=5, reliability=ReliabilityPolicy[reliability.upper()])
        pixels = np.random.default_rng(0).integers(0, 256, (int(height), int(width), 3), np.uint8)
        self.message = image_message(pixels, "rgb8", Header(frame_id="optical"))
        self.frames = int(frames)
        self.sent = 0
        self.publisher = self.create_publisher(Image, topic, profile)
        self.create_timer(1 / float(rate), self.show)

    def show(self) -> None:
        if self.sent == self.frames or not self.publisher.get_subscription_count():
            return
        self.sent += 1
        self.message.header.stamp.sec = self.sent
        self.publisher.publish(self.message)
        if self.sent == self.frames:
            self.get_logger().info("all frames sent")


if __name__ == "__main__":
    sys.exit(run(lambda: Camera(*sys.argv[1:7]), [sys.argv[0]]))
