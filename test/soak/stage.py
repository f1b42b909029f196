"""Everything that takes part, and the few things that faults do with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from hybridgl_ros.srv import ReferSegment
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Header

from hybridgl_ros.ros.common.client import NoAnswerError, SegmentClient
from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.ros.common.qos import SERVICE
from soak.ledger import Ledger
from soak.patience import Patience
from soak.processes import Memory, camera_program, node_program
from soak.traffic import PATIENCE, Traffic
from soak.world import stamped
from soak.worlds import world_of

NAMESPACE = "/soak"
# Pictures that a new camera's numbers are ahead of the last one's.
AHEAD = 1000
STEP = 0.02
# Seconds that a new node is given for an answer.
TRIAL = 2.0


class Stage:
    """The node, the camera, and those who ask.

    models: `fake` or `embedded`. judged: whether promises in seconds are judged; not on a machine that others stop.
    """

    def __init__(self, models: str, rate: float, folder: Path, judged: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.fake = models == "fake"
        self.judged = judged
        self.world = world_of(models)
        self.ledger = Ledger(self.world)
        self.node = node_program(models, NAMESPACE, folder)
        self.camera = camera_program(models, NAMESPACE, rate, folder)
        self.node.start()
        self.start_camera()
        self.client = SegmentClient(f"{NAMESPACE}/segment_node", timeout=3 * PATIENCE)
        self._refer = self.client.node.create_client(ReferSegment, f"{NAMESPACE}/refer_segment", qos_profile=SERVICE)
        self._clock = 0.0
        self.client.node.create_subscription(Clock, "/clock", self._on_clock, 10)
        self.traffic = Traffic(self.world, self.ledger, NAMESPACE, cancels=self.fake)
        self.memory = Memory(self.node)
        self.memory.start()

    def start_camera(self) -> None:
        """Start the camera, with pictures that are newer than all before."""
        self.camera.start(str(self.ledger.newest + AHEAD))

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until something is true, and return it. Raises NoAnswerError when that does not come."""
        patience = Patience(PATIENCE)
        while True:
            value = condition()
            if value:
                return value
            if patience.over:
                raise NoAnswerError(f"waited {PATIENCE:g} s in vain for {what}")
            time.sleep(STEP)

    def diagnostics(self, key: str) -> str:
        """What the diagnostics say next."""
        return self.client.diagnostics().get(key, "")

    def wait_for_diagnostics(self, key: str, right: Callable[[str], bool]) -> str:
        """Wait until the diagnostics say something that is right."""
        said = ""

        def look() -> bool:
            nonlocal said
            said = self.diagnostics(key)
            return right(said)

        self.wait_for(look, f"diagnostics of {key}")
        return said

    def wait_until_ready(self) -> None:
        """Until the node answers on the camera's pictures."""
        self.client.wait_until_ready()

    def wait_for_answers(self, count: int = 10) -> None:
        """Until so many more requests were answered, and a newer picture was answered on."""
        replied, newest = self.ledger.replied, self.ledger.newest
        self.wait_for(lambda: self.ledger.replied >= replied + count, f"{count} answers")
        self.wait_for(lambda: self.ledger.newest > newest, "an answer on a newer picture")

    def transit(self, label: str) -> bool:
        """Ask for a transition of the lifecycle."""
        return self._ask(ChangeState, "change_state", transition=Transition(label=label)).success

    @property
    def state(self) -> str:
        """The lifecycle's state."""
        return self._ask(GetState, "get_state").current_state.label

    def respawn(self) -> None:
        """Start the node again, as a launch file's respawn does; what was asked of nobody is dropped."""
        self.node.start()
        self.wait_until_ready()
        self.wait_for(self._answers, "an answer of the new node")
        self.traffic.drop()

    def _answers(self) -> bool:
        """Whether the node answers this client; one that has just been started may not know it yet."""
        future = self._refer.call_async(self.request(0))
        try:
            return self.client.wait_for(lambda: future.done() or None, "an answer", timeout=TRIAL)
        except NoAnswerError:
            return False

    @property
    def clock(self) -> float:
        """What /clock says, in seconds."""
        self.client.take_in(STEP)
        return self._clock

    def request(self, number: int) -> ReferSegment.Request:
        """A request with a picture that comes from nobody's camera."""
        header = Header(frame_id="own")
        header.stamp.sec, header.stamp.nanosec = stamped(time.time_ns(), number)
        image = image_message(self.world.picture(number), "rgb8", header)
        return ReferSegment.Request(expression=self.world.expressions[0], image=image)

    def close(self) -> int:
        """End everything; returns the node's exit code."""
        self.memory.end()
        self.traffic.close()
        self.client.close()
        self.camera.end()
        self.node.end()
        rclpy.try_shutdown()
        return self.node.process.returncode

    def _on_clock(self, message: Clock) -> None:
        self._clock = message.clock.sec + message.clock.nanosec / 1e9

    def _ask(self, kind: type, service: str, **request: Any) -> Any:
        client = self.client.node.create_client(kind, f"{NAMESPACE}/segment_node/{service}")
        try:
            return self.client.call(client, kind.Request(**request))
        finally:
            self.client.node.destroy_client(client)
