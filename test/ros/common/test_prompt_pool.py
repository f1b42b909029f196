"""The executor's threads: what is handed in is begun before anything is offered again."""

from __future__ import annotations

import queue
import threading

import rclpy
from rclpy.context import Context
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node
from rclpy.waitable import NumberOfEntities, Waitable
from std_msgs.msg import String

from hybridgl_ros.ros.common.executable import spin_on
from hybridgl_ros.ros.common.prompt_pool import PromptExecutor, PromptPool


def test_what_is_short_is_done_and_what_lasts_holds_nobody_up():
    ended, release = [], threading.Event()
    pool = PromptPool(2)
    pool.submit(ended.append, 1)
    assert ended == [1]
    lasting = pool.submit(release.wait)
    pool.submit(ended.append, 2)
    assert ended == [1, 2] and not lasting.done()
    release.set()
    pool.shutdown()


def test_the_executor_offers_every_callback_once():
    context = Context()
    rclpy.init(context=context)
    node = Node("prompt", context=context)
    executor = PromptExecutor(4, context)
    executor.add_node(node)
    offered, submit = [], executor._executor.submit
    executor._executor.submit = lambda work: (offered.append(work), submit(work))[1]
    heard: queue.Queue[str] = queue.Queue()
    # As long as what is done with a picture, in a thread that needs the interpreter for it.
    node.create_subscription(String, "prompt", lambda message: heard.put(message.data + str(sum(range(20000)))), 10)
    publisher = node.create_publisher(String, "prompt", 10)
    spinning = threading.Thread(target=executor.spin)
    spinning.start()
    try:
        for number in range(30):
            publisher.publish(String(data=str(number)))
            assert heard.get(timeout=30).startswith(str(number))
    finally:
        rclpy.shutdown(context=context)
        spinning.join()
    # A busy machine may let a thread wait for longer than the pool does.
    assert len(offered) < 2 * len(set(map(id, offered)))


class DestroyedMeanwhile(Waitable):
    """Ready once, and gone when it is to be taken."""

    def __init__(self, group) -> None:
        super().__init__(group)
        self.taken = threading.Event()

    def __enter__(self):
        pass

    def __exit__(self, *error):
        pass

    def get_num_entities(self) -> NumberOfEntities:
        return NumberOfEntities()

    def add_to_wait_set(self, wait_set) -> None:
        pass

    def is_ready(self, wait_set) -> bool:
        return not self.taken.is_set()

    def take_data(self):
        self.taken.set()
        raise InvalidHandle("destroyed")


def test_what_is_destroyed_before_it_is_taken_stops_nothing_else():
    context = Context()
    rclpy.init(context=context)
    node = Node("destroying", context=context)
    executor = PromptExecutor(4, context)
    executor.add_node(node)
    gone = DestroyedMeanwhile(node.default_callback_group)
    node.add_waitable(gone)
    calls: queue.Queue[bool] = queue.Queue()
    node.create_timer(0.05, lambda: calls.put(gone.taken.is_set()))
    spinning = threading.Thread(target=spin_on, args=[executor], daemon=True)
    spinning.start()
    try:
        while not calls.get(timeout=30):
            pass
    finally:
        executor.shutdown(timeout_sec=0)
        rclpy.shutdown(context=context)
        spinning.join(timeout=30)
