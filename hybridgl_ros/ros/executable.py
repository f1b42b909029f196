"""From the command line to a spinning node and back."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import rclpy
from rclpy.exceptions import (
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
)
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node

from hybridgl_ros.errors import HybridGLError

USUAL_THREADS = 2
# Python's usual 5 ms for every turn that the executor waits for make it miss frames while the inference thread works,
# most of all when /clock keeps it busy.
SWITCH_INTERVAL = 0.0005
BAD_START = (
    HybridGLError,
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
)


def run(make_node: Callable[[], Node], arguments: list[str] | None = None) -> int:
    """Make a node and spin it until it is interrupted or shut down.

    The node may state how many threads it needs (`node.threads`), and whether its own have ended when it is destroyed
    (`node.ended`); if not, the process ends here. Returns the process's exit code: 1 when the node
    refuses its parameters, which is logged in a line.
    """
    rclpy.init(args=arguments)
    try:
        node = make_node()
    except BAD_START as error:
        rclpy.logging.get_logger("hybridgl_ros").fatal(str(error))
        rclpy.try_shutdown()
        return 1
    sys.setswitchinterval(SWITCH_INTERVAL)
    executor = MultiThreadedExecutor(num_threads=getattr(node, "threads", USUAL_THREADS))
    executor.add_node(node)
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        node.get_logger().debug("interrupted")
    finally:
        executor.shutdown(timeout_sec=0)
        node.destroy_node()
        rclpy.try_shutdown()
    if not getattr(node, "ended", True):
        # Python would wait for the thread in hand; nothing of it is worth keeping.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0
