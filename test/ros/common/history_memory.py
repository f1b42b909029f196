"""Takes messages of a megabyte and prints how much memory the C library still gives out for them afterwards (MB)."""

from __future__ import annotations

import ctypes
import os
import time

import rclpy
from rclpy.node import Node
from std_msgs.msg import UInt8MultiArray

from hybridgl_ros.ros.common.dds import use_dds_profile

COUNT, SIZE = 20, 10**6


class Heap(ctypes.Structure):
    """glibc's struct mallinfo2."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "pieces", "fast", "maps", "mapped", "most", "fast_free", "used", "free", "top")
    ]


def used() -> float:
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = Heap
    heap = library.mallinfo2()
    return (heap.used + heap.mapped) / 1e6


def main() -> None:
    # What is known of another node's many topics would count, too.
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "OFF"
    use_dds_profile()
    rclpy.init()
    node = Node("history_memory")
    taken: list[int] = []
    node.create_subscription(UInt8MultiArray, "history_memory", lambda message: taken.append(1), COUNT)
    publisher = node.create_publisher(UInt8MultiArray, "history_memory", COUNT)
    before, message = used(), UInt8MultiArray(data=bytes(SIZE))
    for _ in range(COUNT):
        publisher.publish(message)
    time.sleep(0.5)
    while len(taken) < COUNT:
        rclpy.spin_once(node, timeout_sec=1.0)
    message.data = b""
    # The last one of a writer stays for those who may ask again.
    for _ in range(COUNT):
        publisher.publish(message)
    while len(taken) < 2 * COUNT:
        rclpy.spin_once(node, timeout_sec=1.0)
    print(used() - before)
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
