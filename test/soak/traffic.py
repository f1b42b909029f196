"""Those who ask: by service, by action and by topic, each again as soon as it was answered."""

from __future__ import annotations

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from action_msgs.msg import GoalStatus
from hybridgl_ros.action import Refer
from hybridgl_ros.msg import ReferredObject
from hybridgl_ros.srv import ReferSegment
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Header, String

from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.ros.common.qos import RESULTS, SERVICE
from soak.ledger import CANCELLED, Ledger
from soak.patience import Patience
from soak.world import stamped
from soak.worlds import World

SERVICES, ACTIONS = 8, 2
# Seconds between the requests of one client, and after which a request is lost: others may stop this process meanwhile.
PAUSE = 0.25
PATIENCE = 60.0
TICK = 0.05
ENDLESS = "wait for the red block"
# Every so many goals of the second action client is endless, and cancelled in the middle of the work.
CANCEL_EVERY = 5
# Pictures that clients bring have numbers that the camera never comes to.
OWN = 900_000


class Asker(ABC):
    """A client that has one request under way at a time."""

    def __init__(self, traffic: Traffic, name: str) -> None:
        self._traffic = traffic
        self.name = name
        self._due = time.monotonic() + random.uniform(0, PAUSE)
        self._sent, self._patience = 0.0, Patience(PATIENCE)
        self._expression = ""
        self._floor = 0
        self._own: int | None = None
        self._turn = 0

    @property
    def waits(self) -> bool:
        """Whether a request is under way."""
        return self._turn % 2 == 1

    def tick(self) -> None:
        """Ask, if it is time; give up what never comes."""
        if self.waits:
            if self._patience.over:
                self._traffic.ledger.lose(f"{self.name}: {self._expression!r}")
                self._end()
        elif time.monotonic() >= self._due and self._traffic.asking and self._ready():
            self._turn += 1
            self._sent, self._patience = time.monotonic(), Patience(PATIENCE)
            self._expression, image, self._own = self._choose()
            self._floor = self._traffic.ledger.send()
            self._ask(self._expression, image, self._turn)

    def drop(self) -> int:
        """Forget what is under way, because nobody is there to answer it; how many that were."""
        if not self.waits:
            return 0
        self._end()
        return 1

    def _choose(self) -> tuple[str, Any, int | None]:
        return self._traffic.question(own=False)

    def _end(self) -> None:
        self._turn += 1
        self._due = time.monotonic() + PAUSE

    def _answered(self, response: Any, turn: int) -> None:
        if turn != self._turn:  # dropped meanwhile
            return
        latency = time.monotonic() - self._sent
        self._traffic.ledger.answer(self._expression, response, self._floor, latency, self._own)
        self._end()

    @abstractmethod
    def _ready(self) -> bool:
        """Whether somebody is there to be asked."""

    @abstractmethod
    def _ask(self, expression: str, image: Any, turn: int) -> None:
        """Ask; the answer goes to `_answered`."""


class ServiceAsker(Asker):
    """Asks by service; brings: whether it brings pictures of its own."""

    def __init__(self, traffic: Traffic, name: str, brings: bool) -> None:
        super().__init__(traffic, name)
        self._brings = brings
        self._client = traffic.node.create_client(
            ReferSegment, f"{traffic.namespace}/refer_segment", qos_profile=SERVICE
        )

    def _choose(self) -> tuple[str, Any, int | None]:
        return self._traffic.question(self._brings)

    def _ready(self) -> bool:
        return self._client.service_is_ready()

    def _ask(self, expression: str, image: Any, turn: int) -> None:
        request = ReferSegment.Request(expression=expression)
        if image is not None:
            request.image = image
        future = self._client.call_async(request)
        future.add_done_callback(lambda done: self._answered(done.result(), turn))


class ActionAsker(Asker):
    """Asks by action. cancels: whether some of its goals would never end, and are cancelled."""

    def __init__(self, traffic: Traffic, name: str, cancels: bool) -> None:
        super().__init__(traffic, name)
        self._cancels = cancels
        self._goals = count(1)
        self._goal: Any = None
        self._client = ActionClient(
            traffic.node,
            Refer,
            f"{traffic.namespace}/refer",
            goal_service_qos_profile=SERVICE,
            result_service_qos_profile=SERVICE,
        )

    def tick(self) -> None:
        if self.waits and self._expression == ENDLESS and self._goal is not None:
            self._goal.cancel_goal_async()  # again and again: it is refused before the goal is taken up
        super().tick()

    def _choose(self) -> tuple[str, Any, int | None]:
        if self._cancels and next(self._goals) % CANCEL_EVERY == 0:
            return ENDLESS, None, None
        return super()._choose()

    def _ready(self) -> bool:
        return self._client.server_is_ready()

    def _ask(self, expression: str, image: Any, turn: int) -> None:
        self._goal = None
        sent = self._client.send_goal_async(Refer.Goal(expression=expression))
        sent.add_done_callback(lambda done: self._accepted(done.result(), turn))

    def _accepted(self, goal: Any, turn: int) -> None:
        if turn != self._turn:
            return
        if not goal.accepted:
            self._traffic.ledger.complain(f"{self.name}: the goal {self._expression!r} was not accepted")
            self._end()
            return
        self._goal = goal
        goal.get_result_async().add_done_callback(lambda done: self._came(done.result(), turn))

    def _came(self, came: Any, turn: int) -> None:
        if turn == self._turn and self._expression == ENDLESS and came.result.message == CANCELLED:
            if came.status != GoalStatus.STATUS_CANCELED:
                self._traffic.ledger.complain(f"a cancelled goal ended with status {came.status}")
            self._traffic.ledger.cancel()
            self._end()
        elif came.status == GoalStatus.STATUS_UNKNOWN and self._traffic.restarting:
            # The one that took it up is gone, and its successor was asked for the result.
            self._traffic.ledger.interrupt(self.drop())
        else:
            self._answered(came.result, turn)


class Traffic:
    """All askers and the listener to results, in a thread of their own.

    asking: whether they ask. restarting: from the end of one node until its successor answers.
    """

    def __init__(self, world: World, ledger: Ledger, namespace: str, cancels: bool) -> None:
        self.world, self.ledger, self.namespace = world, ledger, namespace
        self.node = Node("askers", namespace=namespace)
        self.asking = self.restarting = False
        self._lock = threading.Lock()
        self._own = count(OWN)
        self._turn = 0
        self._askers: list[Asker] = [
            ServiceAsker(self, f"service client {number}", brings=number % 2 == 1) for number in range(SERVICES)
        ]
        self._askers += [
            ActionAsker(self, f"action client {number}", cancels and number == 1) for number in range(ACTIONS)
        ]
        self._topic = self.node.create_publisher(String, f"{namespace}/expression", RESULTS)
        self.node.create_subscription(ReferredObject, f"{namespace}/segment_node/result", ledger.result, RESULTS)
        self.node.create_timer(TICK, self._tick)
        self.node.create_timer(1.0, self._change)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def question(self, own: bool) -> tuple[str, Any, int | None]:
        """An expression, and a picture with its number when an own one is wanted."""
        expression = random.choice(self.world.expressions)
        if not own:
            return expression, None, None
        number = next(self._own)
        header = Header(frame_id="own")
        header.stamp.sec, header.stamp.nanosec = stamped(time.time_ns(), number)
        return expression, image_message(self.world.picture(number), "rgb8", header), number

    @property
    def under_way(self) -> int:
        """Requests that wait for an answer."""
        return sum(asker.waits for asker in self._askers)

    def drop(self) -> None:
        """The node is gone: nobody will answer what is under way."""
        with self._lock:
            self.ledger.interrupt(sum(asker.drop() for asker in self._askers))
            self.restarting = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No new requests meanwhile."""
        before, self.asking = self.asking, False
        try:
            yield
        finally:
            self.asking = before

    def close(self) -> None:
        """End all."""
        self._executor.shutdown()
        self._thread.join(timeout=5)
        self.node.destroy_node()

    def _tick(self) -> None:
        with self._lock:
            for asker in self._askers:
                asker.tick()

    def _change(self) -> None:
        """Another expression for the continuous answers."""
        self._turn += 1
        self._topic.publish(String(data=self.world.expressions[self._turn % len(self.world.expressions)]))
