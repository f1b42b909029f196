"""Row 10: what the node adds to the library's time, from a picture that is published to the result that is heard."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import numpy as np
import rclpy
from hybridgl_ros.msg import ReferredObject
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import String

from .processes import Child
from .rows import Row

SIZES = {(640, 480): 4.0, (1920, 1080): 15.0}


def rows(device: str, quick: bool) -> Iterator[Row]:
    """The node over a segmenter that takes no time, in continuous mode."""
    rclpy.init()
    child = Child("instant_node")
    try:
        child.ask("ready")
        for size, goal in SIZES.items():
            taken = latencies(size, 20 if quick else 100)
            rest = {"against": "the library's time", "note": f"p95 {np.percentile(taken, 95):.1f} ms"}
            what = f"node: image in → result out minus library, {size[0]}×{size[1]}, p50"
            yield Row.below(10, what, statistics.median(taken), goal, "ms", **rest)
    finally:
        child.close()
        rclpy.try_shutdown()


def latencies(size: tuple[int, int], count: int) -> list[float]:
    """Milliseconds from the publication of a picture to the result of its stamp."""
    width, height = size
    node = Node(f"bench_{width}")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    heard: list[int] = []
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    images = node.create_publisher(Image, "/bench/image", best_effort)
    expressions = node.create_publisher(String, "/bench/expression", 1)
    node.create_subscription(
        ReferredObject, "/bench/segment_node/result", lambda result: heard.append(result.header.stamp.sec), 10
    )
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width, data=bytes(3 * width * height))
    while not (images.get_subscription_count() and expressions.get_subscription_count()):
        executor.spin_once(timeout_sec=0.05)
    expressions.publish(String(data="anything"))
    taken = []
    for number in range(1, count + 11):
        message.header.stamp.sec = number
        started = time.perf_counter()
        images.publish(message)
        while number not in heard and time.perf_counter() - started < 1:
            executor.spin_once(timeout_sec=0.2)
        # The first ones find the connections still being made.
        if number in heard and number > 10:
            taken.append(1000 * (time.perf_counter() - started))
    executor.shutdown()
    node.destroy_node()
    return taken
