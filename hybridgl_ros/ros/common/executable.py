"""From the command line to one or several spinning nodes and back."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import rclpy
from rclpy.exceptions import InvalidHandle, ParameterException
from rclpy.executors import Executor, ExternalShutdownException, MultiThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.utilities import remove_ros_args

from hybridgl_ros.errors import HybridGLError
from hybridgl_ros.memory import keep_buffers
from hybridgl_ros.ros.common.dds import use_dds_profile
from hybridgl_ros.ros.common.hearing import HearingWatch, start_anew
from hybridgl_ros.ros.common.interruption import ignore_interrupts
from hybridgl_ros.ros.common.prompt_pool import PromptExecutor

RCLError = rclpy_implementation.RCLError
USUAL_THREADS = 2
# Python's usual 5 ms for every turn that the executor waits for make it miss frames while the inference thread works,
# most of all when /clock keeps it busy.
SWITCH_INTERVAL = 0.0005
BAD_START = 1
# Seconds for callbacks in hand, which would else meet destroyed entities.
HANDS_OFF = 0.5
INTERRUPTED = 130
# What rcl adds for its own developers: the place in its sources.
SOURCE_PLACE = re.compile(r",? at \S+:\d+")
INIT_FAILED = "failed to initialize rcl: "


def run(make_node: Callable[[], Node | Sequence[Node]], arguments: list[str] | None = None) -> int:
    """Make a node, or several, and spin until interrupted or shut down.

    A node may state how many threads it needs (`node.threads`), what it has to end before the executor does
    (`node.close`), and whether all is in order for Python to end when it is destroyed (`node.ended`); if not, as while
    a thread of its own still works, the process ends here. From the end of spinning on Ctrl-C is ignored. A process
    that nobody can reach any more starts anew. Returns the process's exit code: 1 when the arguments or the node's
    parameters are refused, which is logged in a line.
    """
    arguments = sys.argv if arguments is None else arguments
    use_dds_profile()
    keep_buffers()
    try:
        rclpy.init(args=arguments)
    except Exception as error:  # rclpy has a type of its own for each of its layers, none of them in common
        print(f"{os.path.basename(arguments[0])}: bad ROS arguments: {explained(error)}", file=sys.stderr)
        return BAD_START
    logger = rclpy.logging.get_logger("hybridgl_ros")
    others = remove_ros_args(arguments)[1:]
    if others:
        logger.warning(f"not understood: {' '.join(others)}; parameters and remappings come after --ros-args")
    try:
        made = make_node()
    except (HybridGLError, ParameterException) as error:
        logger.fatal(str(error))
        shut_down()
        return BAD_START
    except (KeyboardInterrupt, ExternalShutdownException):
        shut_down()
        return INTERRUPTED
    except Exception as error:
        # Shut down under the constructor's hands: what it then meets is no news.
        if not rclpy.ok():
            return INTERRUPTED
        if not isinstance(error, RCLError):
            raise
        # The middleware makes no node, as without the keys or the libraries that SROS 2 needs.
        logger.fatal(explained(error))
        shut_down()
        return BAD_START
    nodes = [made] if isinstance(made, Node) else list(made)
    if not spin(nodes):
        start_anew()
    if not all(getattr(node, "ended", True) for node in nodes):
        # Python would wait for what is still there; nothing of it is worth keeping.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


def spin(nodes: Sequence[Node]) -> bool:
    """Spin nodes until interrupted or shut down, and destroy them; false when it ends because nothing reaches them."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    executor = PromptExecutor(sum(getattr(node, "threads", USUAL_THREADS) for node in nodes))
    for node in nodes:
        executor.add_node(node)
    watch = HearingWatch(lambda: give_up(nodes[0]))
    try:
        with watch:
            spin_on(executor)
    except (KeyboardInterrupt, ExternalShutdownException):
        nodes[0].get_logger().debug("interrupted")
    except Exception:
        # Shut down under a callback's hands: what it then meets is no news.
        if rclpy.ok():
            raise
    finally:
        ignore_interrupts()
        # First what calls wait for: the executor may wait for the calls.
        close(nodes)
        finish_callbacks(executor)
        executor.shutdown(timeout_sec=0)
        for node in nodes:
            node.destroy_node()
        shut_down()
    return not watch.lost


def give_up(node: Node) -> None:
    """Say that nothing reaches the process, and end the spinning."""
    node.get_logger().error(
        "the middleware has lost this process's place in shared memory, so that no message reaches it: it starts anew"
    )
    rclpy.try_shutdown()


def shut_down() -> None:
    """End ROS in this process; it gives back the handling of signals that it had found."""
    ignore_interrupts()
    rclpy.try_shutdown()
    ignore_interrupts()


def close(nodes: Sequence[Node]) -> None:
    """Let each node end what it has under way, all at once: each may take its time."""
    with ThreadPoolExecutor(len(nodes)) as pool:
        for closed in [pool.submit(getattr(node, "close", lambda: None)) for node in nodes]:
            closed.result()


def spin_on(executor: Executor) -> None:
    """Spin until the end, whatever another thread destroys meanwhile: rclpy's executor stumbles over the events of a
    subscription that is destroyed while it makes its list of what to wait for."""
    while True:
        try:
            executor.spin()
            return
        except InvalidHandle as error:
            if not executor.context.ok():
                return
            rclpy.logging.get_logger("hybridgl_ros").debug(f"destroyed while the executor looked at it: {error}")


def finish_callbacks(executor: MultiThreadedExecutor) -> None:
    """Begin no further callback and wait for those in hand: some versions' `shutdown` destroys what they use."""
    pool, tracker = getattr(executor, "_executor", None), getattr(executor, "_work_tracker", None)
    if pool is not None:
        pool.shutdown(wait=False, cancel_futures=True)
    if tracker is not None:
        tracker.wait(HANDS_OFF)


def explained(error: Exception) -> str:
    """What rclpy says of arguments that it cannot read, in one line."""
    text = " ".join(str(error).split()).removeprefix(INIT_FAILED)
    return SOURCE_PLACE.sub("", text)
