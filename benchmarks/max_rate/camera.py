"""A camera that publishes so many frames at a rate, when it is told to, and says how long that took.

Arguments: TOPIC WIDTH HEIGHT. It reads lines `RATE FRAMES` and answers each with a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time

import cv2
import numpy as np
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.tabletop.dataset import TabletopSet, validation_path

CONNECTED_WITHIN = 30.0
# More than the node keeps encoded, shown in turn: no frame may be known from an earlier one.
SCENES = 8


def pictures(width: int, height: int) -> list[np.ndarray]:
    """Scenes of the simulated tabletop at another size."""
    scenes = TabletopSet(validation_path())
    return [cv2.resize(scenes[index].image, (width, height), interpolation=cv2.INTER_AREA) for index in range(SCENES)]


def main() -> None:
    """Obey until the input ends."""
    topic, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rclpy.init()
    node = rclpy.create_node("camera")
    publisher = node.create_publisher(Image, topic, qos_profile_sensor_data)
    header = Header(frame_id="camera")
    messages = [image_message(pixels, "rgb8", header) for pixels in pictures(width, height)]
    number = 0
    for line in sys.stdin:
        rate, frames = float(line.split()[0]), int(line.split()[1])
        end = time.monotonic() + CONNECTED_WITHIN
        while not publisher.get_subscription_count() and time.monotonic() < end:
            time.sleep(0.02)
        begin = time.perf_counter()
        for frame in range(frames):
            time.sleep(max(0.0, begin + frame / rate - time.perf_counter()))
            number += 1
            message = messages[number % SCENES]
            message.header.stamp.sec, message.header.stamp.nanosec = number, 0
            publisher.publish(message)
        print(json.dumps({"seconds": time.perf_counter() - begin}), flush=True)
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
