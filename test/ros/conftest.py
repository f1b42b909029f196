"""Nodes as processes, and clients to ask them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FAKE_NODE = Path(__file__).with_name("fake_node.py")
ENDING_TIME = 60.0
WIDTH, HEIGHT = 48, 32

# Nodes of these tests neither meet another run's nor leave the machine; each worker of pytest-xdist has its own domain.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
run_domain = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID")).randrange(102)
worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
os.environ["ROS_DOMAIN_ID"] = str((run_domain + worker) % 102)
if os.environ.get("ROS_DISTRO") == "humble":
    os.environ["ROS_LOCALHOST_ONLY"] = "1"

namespaces = count()


def picture(column: int = 4) -> np.ndarray:
    """Black with a red block of 8×6 pixels at the column."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[10:16, column : column + 8, 0] = 255
    return pixels


@dataclass
class RunningNode:
    """A segment_node in a namespace of its own, and a client of it.

    gate: the file that whatever waits in a fake node waits for. log: what the node has written so far. services:
    clients of services that were called, by name.
    """

    namespace: str
    process: subprocess.Popen
    client: Any
    gate: Path
    logfile: Path
    services: dict[str, Any] = field(init=False, default_factory=dict)

    @property
    def log(self) -> str:
        return self.logfile.read_text(encoding="utf-8", errors="replace")

    def topic(self, name: str) -> str:
        return f"{self.namespace}/{name}"

    def frame(self, column: int = 4, second: int = 1) -> Any:
        """An image of a red block at the column, as the camera sends it."""
        from std_msgs.msg import Header

        from hybridgl_ros.ros.common.conversion import image_message

        message = image_message(picture(column), "rgb8", Header(frame_id="optical"))
        message.header.stamp.sec = second
        return message

    def wait_for_models(self, state: str = "ready") -> None:
        self.client.wait_for(lambda: self.client.diagnostics()["models"] == state or None, f"models {state}")

    def wait_for_log(self, text: str) -> None:
        self.client.wait_for(lambda: text in self.log or None, f"{text!r} in the log")

    def publish(self, message: Any, topic: str = "image", counted: str = "frames received") -> None:
        """Publish one message and wait until the node has counted it."""
        client = self.client
        publisher = client.node.create_publisher(type(message), self.topic(topic), 1)
        client.wait_for(lambda: publisher.get_subscription_count() or None, f"a listener to {topic}")
        before = int(client.diagnostics()[counted])
        publisher.publish(message)
        client.wait_for(lambda: int(client.diagnostics()[counted]) > before or None, counted)
        client.node.destroy_publisher(publisher)

    def hear(self, kind: type, topic: str) -> list:
        """What comes on a topic of the node from now on."""
        heard: list = []
        self.client.node.create_subscription(kind, self.topic(topic), heard.append, 10)
        self.client.wait_for(lambda: self.client.node.count_publishers(self.topic(topic)) or None, topic)
        return heard

    def transit(self, transition: str) -> bool:
        """Ask for a transition of the lifecycle; whether it was made."""
        from lifecycle_msgs.msg import Transition
        from lifecycle_msgs.srv import ChangeState

        return self.ask(ChangeState, "change_state", transition=Transition(label=transition)).success

    @property
    def state(self) -> str:
        """The lifecycle's state."""
        from lifecycle_msgs.srv import GetState

        return self.ask(GetState, "get_state").current_state.label

    def ask(self, kind: type, service: str, **request: Any) -> Any:
        """Call any service of the node."""
        if service not in self.services:
            self.services[service] = self.client.node.create_client(kind, self.topic(f"segment_node/{service}"))
            self.meet()
        return self.client.call(self.services[service], kind.Request(**request))

    def meet(self) -> None:
        """Wait until the node knows the clients made so far: an answer to one that it does not know is lost."""
        from rcl_interfaces.srv import GetParameters

        latest = self.client.node.create_client(GetParameters, self.topic("segment_node/get_parameters"))
        self.client.wait_for(lambda: latest.service_is_ready() or None, "the node")
        asked = []

        def answered() -> bool | None:
            now = time.monotonic()
            if not asked or now > asked[-1][0] + 1.0:
                asked.append((now, latest.call_async(GetParameters.Request())))
            return any(future.done() for _, future in asked) or None

        self.client.wait_for(answered, "the node's first answer")
        self.client.node.destroy_client(latest)

    def call_at_once(self, *expressions: str) -> list:
        """Futures of calls that are all sent before the first is answered."""
        from hybridgl_ros.srv import ReferSegment

        service = self.client.node.create_client(ReferSegment, self.topic("refer_segment"))
        self.client.meet(service)
        return [service.call_async(ReferSegment.Request(expression=text)) for text in expressions]

    def wait_until_done(self, futures: list) -> None:
        self.client.wait_for(lambda: all(future.done() for future in futures) or None, "all answers")

    def assert_still_good(self) -> None:
        """The next good request is answered."""
        response = self.client.refer("the red block", self.frame())
        assert response.success, response.message
        assert response.objects[0].found


def graph_of(node: Any, name: str, namespace: str) -> dict[tuple[str, str], dict[str, str]]:
    """What the ROS graph says of a node: names and types by kind and direction, as in `interfaces`."""
    ways = {
        ("topic", "out"): node.get_publisher_names_and_types_by_node,
        ("topic", "in"): node.get_subscriber_names_and_types_by_node,
        ("service", "in"): node.get_service_names_and_types_by_node,
        ("service", "out"): node.get_client_names_and_types_by_node,
    }
    found = {way: {topic: types[0] for topic, types in look(name, namespace)} for way, look in ways.items()}
    end = "/_action/send_goal"
    goals = {service: kind for service, kind in found["service", "in"].items() if service.endswith(end)}
    found["action", "in"] = {
        service.removesuffix(end): kind.removesuffix("_SendGoal") for service, kind in goals.items()
    }
    for way in ways:
        found[way] = {topic: kind for topic, kind in found[way].items() if "/_action/" not in topic}
    return found


@pytest.fixture(scope="session")
def assert_described() -> Callable[[Any, str, str], None]:
    """Checks by the graph that a running node (name, namespace) has all it always has, and nothing undescribed."""
    from hybridgl_ros.ros.common.interfaces import interfaces

    def check(client: Any, name: str, namespace: str) -> None:
        wanted = {entry.resolved(name, namespace) for entry in interfaces(name) if not entry.when}
        client.wait_for(
            lambda: (
                wanted <= {key for found in graph_of(client.node, name, namespace).values() for key in found} or None
            ),
            f"all of {name}",
        )
        for way, found in graph_of(client.node, name, namespace).items():
            entries = [entry for entry in interfaces(name) if (entry.kind, entry.direction) == way]
            assert {entry.resolved(name, namespace) for entry in entries if not entry.when} <= found.keys()
            assert found.items() <= {entry.resolved(name, namespace): entry.type for entry in entries}.items()

    return check


@pytest.fixture(scope="session")
def ros() -> Iterator[None]:
    """rclpy, initialised for the run."""
    import rclpy

    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture(scope="session")
def spawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., tuple[subprocess.Popen, Path]]]:
    """Starts Python programs: spawn(program, arguments..., environment={…}) gives the process and its log file."""
    folder = tmp_path_factory.mktemp("logs")
    children: list[subprocess.Popen] = []

    def run(*command: str | Path, environment: dict[str, str] | None = None) -> tuple[subprocess.Popen, Path]:
        logfile = folder / f"{len(children)}.log"
        with logfile.open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, *map(str, command)], stdout=output, stderr=subprocess.STDOUT, env=environment
            )
        children.append(child)
        return child, logfile

    yield run
    for child in children:
        stop(child)


def stop(child: subprocess.Popen) -> int:
    """End a process and return its exit code."""
    child.terminate()
    try:
        return child.wait(timeout=ENDING_TIME)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


@pytest.fixture(scope="session")
def run_node(ros: None, spawn: Callable, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunningNode]:
    """Starts a fake segment_node: run_node("-p", "mode:=once", marks=["missing"]); see fake_node.py for the marks.

    own: arguments of its own, before those of ROS.
    """
    from hybridgl_ros.ros.common.client import SegmentClient

    def run(
        *arguments: str,
        marks: tuple[str, ...] = (),
        program: tuple[str | Path, ...] | None = None,
        namespace: str | None = None,
        own: tuple[str, ...] = (),
    ) -> RunningNode:
        namespace = namespace or f"/test{next(namespaces)}"
        gate = tmp_path_factory.mktemp("gate") / "gate"
        for mark in marks:
            gate.with_suffix(f".{mark}").touch()
        command = program or (FAKE_NODE, gate, *own)
        child, logfile = spawn(*command, "--ros-args", "-r", f"__ns:={namespace}", *arguments)

        def check_alive() -> None:
            assert not child.poll(), f"the node has died:\n{logfile.read_text(errors='replace')}"

        client = SegmentClient(f"{namespace}/segment_node", check=check_alive)
        return RunningNode(namespace, child, client, gate, logfile)

    return run


@pytest.fixture
def start(run_node: Callable[..., RunningNode]) -> Iterator[Callable[..., RunningNode]]:
    """run_node, whose nodes end with the test."""
    running: list[RunningNode] = []

    def run(*arguments: str, **options: Any) -> RunningNode:
        running.append(run_node(*arguments, **options))
        return running[-1]

    yield run
    for node in running:
        node.client.close()
        stop(node.process)


@pytest.fixture(scope="session")
def shared_node(run_node: Callable[..., RunningNode]) -> RunningNode:
    """A node that every test may ask."""
    node = run_node()
    node.wait_for_models()
    return node
