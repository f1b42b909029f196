"""A managed node (lifecycle) that no request for a transition can bring down, and that answers during a long one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.lifecycle.node import LifecycleNodeMixin
from rclpy.node import Node

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
AT_ONCE = 0.001


class ManagedNode(LifecycleNodeMixin, Node):
    """What rclpy's LifecycleNode is, and some of what it lacks.

    Its services have a callback group of their own, so that a transition that takes long holds up nothing, the
    question for the state neither. A transition that does not exist in the present state, or is asked for during
    another one, is refused and logged; rclpy raises, which ends the spinning.
    """

    def __init__(self, name: str, **options: Any) -> None:
        Node.__init__(self, name, **options)
        LifecycleNodeMixin.__init__(self, callback_group=ReentrantCallbackGroup())
        self._under_way = threading.Lock()
        self._change_state = self._service_change_state.callback
        self._service_change_state.callback = self._on_change_state

    @property
    def state(self) -> str:
        """The lifecycle's state: unconfigured, inactive, active, finalized, or the transition under way."""
        return str(self._state_machine.current_state[1])

    def start_by_itself(self, done: Callable[[], None]) -> None:
        """Configure and activate as soon as the node spins, and then call `done`, in a thread of the executor."""

        def start() -> None:
            timer.cancel()
            with self._under_way:
                if self._transit(self.trigger_configure):
                    self._transit(self.trigger_activate)
            done()

        steady = Clock(clock_type=ClockType.STEADY_TIME)
        timer = self.create_timer(AT_ONCE, start, callback_group=ReentrantCallbackGroup(), clock=steady)

    def _transit(self, trigger: Callable[[], TransitionCallbackReturn]) -> bool:
        try:
            return trigger() == SUCCESS
        except RuntimeError as error:  # rclpy's own; also when the context is shut down meanwhile
            if self.context.ok():
                self.get_logger().warning(f"transition in state {self.state}: {error}")
            return False

    def _on_change_state(self, request: Any, response: Any) -> Any:
        wanted = request.transition.label or request.transition.id
        response.success = False
        if not self._under_way.acquire(blocking=False):
            self.get_logger().warning(f"transition {wanted} refused: the node is {self.state}")
            return response
        try:
            return self._change_state(request, response)
        except RuntimeError:
            self.get_logger().warning(f"there is no transition {wanted} from {self.state}")
            return response
        finally:
            self._under_way.release()


def guarded(
    step: Callable[[Any, LifecycleState], None],
) -> Callable[[Any, LifecycleState], TransitionCallbackReturn]:
    """A transition's callback made of a function that raises when it fails: rclpy swallows what callbacks raise."""

    def callback(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            step(node, state)
        except Exception as error:
            node.on_failed_transition(error)
            return FAILURE
        return SUCCESS

    return callback
