"""Bad days: how each is brought about, what is promised, and how both are seen."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fuzz.messages import Fuzzer
from hybridgl_ros.srv import ReferSegment
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

from hybridgl_ros.ros.common.qos import SERVICE
from soak.stage import NAMESPACE, Stage

ENDING_LIMIT = 2.0
JUMP = 3600.0
LAG = 2.0
FLOOD = 60
FLOODS = 10
BAD = 20
BAD_INPUTS = {"image": Image, "camera_info": CameraInfo, "expression": String}


@dataclass
class Seen:
    """What was seen of one stroke: evidence that it struck, and promises that were broken."""

    evidence: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def struck(self, really: bool, evidence: str) -> None:
        """A sign that the fault was there."""
        (self.evidence if really else self.missed).append(evidence)

    def promised(self, kept: bool, promise: str) -> None:
        """A part of the promise."""
        if not kept:
            self.broken.append(promise)


@dataclass(frozen=True)
class Fault:
    """A fault as data. strike: brings it about and looks. ends_node: whether the node's process ends by it."""

    name: str
    how: str
    promise: str
    strike: Callable[[Stage, Seen], None]
    ends_node: bool = False
    fake_only: bool = False


FAULTS: list[Fault] = []


def fault(how: str, promise: str, **options: bool) -> Callable[[Callable[[Stage, Seen], None]], None]:
    def add(strike: Callable[[Stage, Seen], None]) -> None:
        FAULTS.append(Fault(strike.__name__.replace("_", " "), how, promise, strike, **options))

    return add


@fault(
    how="the camera process is killed (SIGKILL) and started again",
    promise="requests go on being answered on the last picture, the diagnostics say that pictures are stale, and the "
    "new camera's pictures are answered on without a word from anybody",
)
def camera_killed(stage: Stage, seen: Seen) -> None:
    code, _ = stage.camera.strike(signal.SIGKILL)
    seen.struck(code == -signal.SIGKILL, f"camera ended with {code}")
    age = stage.wait_for_diagnostics("newest frame age (s)", lambda said: float(said or 0) > 2)
    seen.struck(True, f"newest picture {age} s old")
    replied, refused = stage.ledger.replied, stage.ledger.refused.total()
    stage.wait_for(lambda: stage.ledger.replied >= replied + 10, "answers on the last picture")
    seen.promised(stage.ledger.refused.total() == refused, "nothing is refused")
    stage.start_camera()
    stage.wait_for_answers()


@fault(
    how="the camera's clock, its stamps and /clock jump an hour forth, then back",
    promise="answers go on, about the newest picture, whatever its stamp says",
)
def clock_jumps(stage: Stage, seen: Seen) -> None:
    for jump in (JUMP, -JUMP):
        before = stage.wait_for(lambda: stage.clock, "the clock")
        stage.camera.say(f"jump {jump}")
        moved = stage.wait_for(lambda start=before: abs(stage.clock - start) > JUMP / 2 and stage.clock - start, "jump")
        seen.struck(moved * jump > 0, f"/clock moved by {moved:.0f} s")
        stage.wait_for_answers()


@fault(
    how=f"depth is stamped {LAG:g} s older than its pictures",
    promise="answers go on in two dimensions and say why there is no place; places come back with the stamps",
)
def depth_out_of_step(stage: Stage, seen: Seen) -> None:
    stage.camera.say(f"lag {LAG}")
    reason = "depth and picture are not synchronised"
    before = stage.ledger.depth_reasons[reason]
    stage.wait_for(lambda: stage.ledger.depth_reasons[reason] > before, "a word about depth")
    seen.struck(True, f"answers say {reason!r}")
    seen.promised("synchronised" in stage.diagnostics("depth problem"), "the diagnostics name it")
    stage.wait_for_answers()
    stage.camera.say("lag 0")
    placed = stage.ledger.placed
    stage.wait_for(lambda: stage.ledger.placed > placed, "places again")


@fault(
    how="the node is deactivated and activated",
    promise="meanwhile every request is refused with what to do, none is lost; then answers come again",
)
def deactivated(stage: Stage, seen: Seen) -> None:
    cycle(stage, seen, ["deactivate"], "inactive", ["activate"])


@fault(
    how="the node is deactivated, cleaned up, configured and activated",
    promise="meanwhile every request is refused with what to do, none is lost; then answers come again",
)
def cleaned_up(stage: Stage, seen: Seen) -> None:
    cycle(stage, seen, ["deactivate", "cleanup"], "unconfigured", ["configure", "activate"])


def cycle(stage: Stage, seen: Seen, down: list[str], state: str, up: list[str]) -> None:
    """Through the lifecycle and back, with requests coming all the time."""
    for transition in down:
        seen.promised(stage.transit(transition), transition)
    there = stage.state
    seen.struck(there == state, f"the node was {there}")
    before = stage.ledger.refused["inactive"]
    stage.wait_for(lambda: stage.ledger.refused["inactive"] >= before + 10, "refusals")
    for transition in up:
        seen.promised(stage.transit(transition), transition)
    stage.wait_until_ready()
    stage.wait_for_answers()


@fault(
    how=f"{BAD} random and mutated messages to each input, {BAD} requests of that kind, and as many ends of messages",
    promise="every request gets an answer or a reason, bad pictures are counted, the others' answers stay right",
)
def bad_messages(stage: Stage, seen: Seen) -> None:
    fuzzer = Fuzzer(stage.ledger.sent)
    before = {key: int(stage.diagnostics(key)) for key in ("frames bad", "expressions failed")}
    node = stage.client.node
    # As depth and picture alike they would be taken for the camera's: only what cannot be read may come that way.
    publishers = {name: node.create_publisher(kind, f"{NAMESPACE}/{name}", 10) for name, kind in BAD_INPUTS.items()}
    for name, publisher in publishers.items():
        stage.client.wait_for(lambda heard=publisher: heard.get_subscription_count() or None, f"a listener to {name}")
    for _ in range(BAD):
        for name, publisher in publishers.items():
            message = fuzzer.make(BAD_INPUTS[name])
            if name == "image":
                message.encoding = "no encoding"
            elif name == "expression":
                message.data = message.data[:0]
            publisher.publish(message)
            publisher.publish(serialize_message(message)[:12])
        request = fuzzer.make(ReferSegment.Request)
        if not request.image.data:
            request.image = fuzzer.image()
        response = stage.client.refer(request.expression, request.image, request.candidates, 0.0)
        seen.promised(bool(response.message), "a response without a word")
    for key, count in before.items():
        now = stage.wait_for_diagnostics(key, lambda said, count=count: int(said) > count)
        seen.struck(True, f"{key}: {count} → {now}")
    for publisher in publishers.values():
        node.destroy_publisher(publisher)
    stage.wait_for_answers()


@fault(
    how=f"{FLOOD} requests at once, more than may wait",
    promise="each is answered or refused, and the other clients go on",
)
def flood(stage: Stage, seen: Seen) -> None:
    refused = int(stage.diagnostics("refused: too many waiting") or 0)
    client = stage.client.node.create_client(ReferSegment, f"{NAMESPACE}/refer_segment", qos_profile=SERVICE)
    stage.client.meet(client)
    responses: list[ReferSegment.Response] = []
    with stage.traffic.paused():  # so that the flood meets no client that may be refused for it
        stage.wait_for(lambda: stage.traffic.under_way == 0, "the clients' answers")
        for _ in range(FLOODS):
            if not all(response.success for response in responses):
                break
            requests = [stage.request(number) for number in range(FLOOD)]
            futures = [client.call_async(request) for request in requests]
            stage.client.wait_for(lambda sent=futures: all(future.done() for future in sent) or None, "all answers")
            responses += [future.result() for future in futures]
    said = [response.message for response in responses if not response.success]
    seen.promised(all("waiting already" in text for text in said), f"reasons: {set(said)}")
    now = int(stage.diagnostics("refused: too many waiting") or 0)
    seen.struck(now - refused == len(said) > 0, f"{now - refused} of {len(responses)} refused")
    stage.client.node.destroy_client(client)
    stage.wait_for_answers()


@fault(
    how="the model raises what no model should raise",
    promise="that request gets the reason, the others their answers",
    fake_only=True,
)
def defect(stage: Stage, seen: Seen) -> None:
    response = stage.client.refer("explode", stage.request(0).image)
    seen.struck("exploded on purpose" in response.message, response.message)
    seen.promised(not response.success, "no success")
    stage.wait_for_answers()


@fault(
    how="the node is killed (SIGKILL) under load and respawned",
    promise="the new one answers the same clients without a word from anybody",
    ends_node=True,
)
def node_killed(stage: Stage, seen: Seen) -> None:
    code, _ = stage.node.strike(signal.SIGKILL)
    seen.struck(code == -signal.SIGKILL, f"node ended with {code}")
    stage.respawn()
    stage.wait_for_answers()


@fault(
    how="SIGTERM under load, and a respawn",
    promise=f"it ends with exit code 0 within {ENDING_LIMIT:g} s, and the new one answers",
    ends_node=True,
)
def ended_by_sigterm(stage: Stage, seen: Seen) -> None:
    end(stage, seen, signal.SIGTERM)


@fault(
    how="SIGINT under load, and a respawn",
    promise=f"it ends with exit code 0 within {ENDING_LIMIT:g} s, and the new one answers",
    ends_node=True,
)
def ended_by_sigint(stage: Stage, seen: Seen) -> None:
    end(stage, seen, signal.SIGINT)


@fault(
    how="SIGTERM while the node is unconfigured, and a respawn",
    promise=f"it ends with exit code 0 within {ENDING_LIMIT:g} s, and the new one answers",
    ends_node=True,
)
def ended_when_unconfigured(stage: Stage, seen: Seen) -> None:
    for transition in ("deactivate", "cleanup"):
        seen.promised(stage.transit(transition), transition)
    seen.struck(stage.state == "unconfigured", "the node was unconfigured")
    end(stage, seen, signal.SIGTERM)


@fault(
    how="SIGINT while the node starts, and a respawn",
    promise=f"it ends within {ENDING_LIMIT:g} s, and the new one answers",
    ends_node=True,
)
def ended_at_its_start(stage: Stage, seen: Seen) -> None:
    stage.node.strike(signal.SIGKILL)
    stage.node.start()
    time.sleep(0.5)  # somewhere between the first import and the first answer
    code, seconds = stage.node.strike(signal.SIGINT)
    seen.struck(True, f"ended with {code} after {seconds:.2f} s")
    seen.promised(not stage.judged or seconds < ENDING_LIMIT, f"ended after {seconds:.2f} s")
    stage.respawn()
    stage.wait_for_answers()


def end(stage: Stage, seen: Seen, number: signal.Signals) -> None:
    """End the node as an operator does, and have it respawned."""
    tracebacks = stage.node.log.count("Traceback")
    code, seconds = stage.node.strike(number)
    seen.struck(stage.node.process.poll() is not None, f"{number.name}: ended with {code} after {seconds:.2f} s")
    seen.promised(code == 0, f"exit code {code}")
    seen.promised(not stage.judged or seconds < ENDING_LIMIT, f"ended after {seconds:.2f} s")
    seen.promised(stage.node.log.count("Traceback") == tracebacks, "no traceback")
    stage.respawn()
    stage.wait_for_answers()
