"""Spinning goes on whatever another thread destroys."""

from __future__ import annotations

import threading

import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.context import Context
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.waitable import NumberOfEntities, Waitable
from std_msgs.msg import String

from hybridgl_ros.ros.common.executable import spin_on


class Meanwhile(Waitable):
    """Does something in the middle of the executor's preparations to wait, as another thread may."""

    def __init__(self, work) -> None:
        super().__init__(ReentrantCallbackGroup())
        self.work = work
        self.done = 0

    def get_num_entities(self) -> NumberOfEntities:
        return NumberOfEntities()

    def is_ready(self, wait_set) -> bool:
        return False

    def add_to_wait_set(self, wait_set) -> None:
        self.work()
        self.done += 1


def test_a_subscription_may_be_destroyed_while_it_spins() -> None:
    context = Context()
    rclpy.init(context=context)
    node = Node("exchanging", context=context)
    subscriptions: list = []
    meanwhile = Meanwhile(lambda: [node.destroy_subscription(subscriptions.pop()) for _ in subscriptions[:]])
    node.add_waitable(meanwhile)
    events = SubscriptionEventCallbacks(incompatible_qos=lambda event: None)
    subscriptions.append(node.create_subscription(String, "any", lambda message: None, 1, event_callbacks=events))
    heard = threading.Event()
    node.create_timer(0.01, lambda: heard.set() if meanwhile.done > 1 else None)
    executor = MultiThreadedExecutor(num_threads=2, context=context)
    executor.add_node(node)
    spinning = threading.Thread(target=spin_on, args=(executor,))
    spinning.start()
    went_on = heard.wait(timeout=60) if spinning.is_alive() else False
    executor.shutdown()
    spinning.join()
    node.destroy_node()
    context.shutdown()
    assert went_on and not subscriptions
