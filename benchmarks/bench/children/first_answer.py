"""Starts a segment_node for every expression that it reads, and says how long it took until a call was answered.

It starts whatever version of the package its environment names.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import rclpy
from ament_index_python.packages import get_package_prefix
from hybridgl_ros.srv import ReferSegment
from rclpy.node import Node
from sensor_msgs.msg import Image

from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path


def main() -> None:
    rclpy.init()
    node = Node("first_answer")
    for number, line in enumerate(sys.stdin):
        namespace = f"/start{number}"
        request = request_of(line.strip())
        program = f"{get_package_prefix('hybridgl_ros')}/lib/hybridgl_ros/segment_node"
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, program, "--ros-args", "-r", f"__ns:={namespace}"])
        client = node.create_client(ReferSegment, f"{namespace}/refer_segment")
        call(node, client, request)
        seconds = time.perf_counter() - started
        process.terminate()
        process.wait()
        print(json.dumps({"seconds": seconds}), flush=True)


def request_of(expression: str) -> ReferSegment.Request:
    """A call with the first held-out picture."""
    picture = np.ascontiguousarray(TabletopSet(heldout_path())[0].image)
    height, width = picture.shape[:2]
    image = Image(height=height, width=width, encoding="rgb8", step=3 * width, data=picture.tobytes())
    return ReferSegment.Request(expression=expression, image=image, candidates=1)


def call(node: Node, client, request: ReferSegment.Request) -> None:
    """Ask until the node says yes; while the models are loading it says no."""
    while not client.service_is_ready():
        time.sleep(0.01)
    answered = False
    while not answered:
        future = client.call_async(request)
        rclpy.spin_until_future_complete(node, future)
        answered = future.result().success
        if not answered and "loading" not in future.result().message:
            raise SystemExit(future.result().message)
        time.sleep(0 if answered else 0.02)


if __name__ == "__main__":
    main()
