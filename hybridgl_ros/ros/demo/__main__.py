"""The demonstration: simulated camera and segment_node as processes, seven expressions asked over DDS, answers scored.

What is asked is not picked by hand, see `replies`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import rclpy
import typer
from rclpy.executors import ExternalShutdownException
from rich.console import Console
from sensor_msgs.msg import Image
from std_msgs.msg import String

from hybridgl_ros.drawing import write_image
from hybridgl_ros.errors import HybridGLError
from hybridgl_ros.msg import ReferredObject
from hybridgl_ros.pixels import rgb_pixels, unpack_rows
from hybridgl_ros.ros.common.client import SegmentClient
from hybridgl_ros.ros.common.dds import use_dds_profile
from hybridgl_ros.ros.common.qos import RESULTS
from hybridgl_ros.ros.demo.replies import BY_TOPIC, Question, Reply, choose_questions, contact_sheet, table
from hybridgl_ros.tabletop.dataset import TabletopSet, validation_path

FRAME_RATE = 2.0
FRAMES_KEPT = 500
ATTEMPTS = 10
STARTING_TIME = 300.0
ANSWER_TIME = 120.0
ENDING_TIME = 30.0
INTERRUPTED = 130


class Camera:
    """What the simulated camera has shown lately, by stamp."""

    def __init__(self, client: SegmentClient) -> None:
        self._client = client
        self._images: dict[tuple[int, int], Image] = {}
        self._labels: dict[tuple[int, int], Image] = {}
        self._scenes: dict[tuple[int, int], str] = {}
        self._shown = ""
        subscribe = client.node.create_subscription
        subscribe(Image, "image", lambda message: keep(self._images, stamp_of(message), message), RESULTS)
        subscribe(
            Image, "ground_truth/instances", lambda message: keep(self._labels, stamp_of(message), message), RESULTS
        )
        subscribe(String, "ground_truth/expressions", self._on_expressions, RESULTS)

    def show(self, question: Question) -> None:
        """Have a scene shown, and wait until it is."""
        refused = self._client.set_parameter("/sim_camera", "scene", question.scene)
        if refused:
            raise HybridGLError(f"sim_camera does not show scene {question.scene}: {refused}")
        self._client.wait_for(lambda: self._shown == question.scene_id or None, f"scene {question.scene_id}")

    def shows(self, message: ReferredObject, question: Question) -> bool:
        """Whether an answer is about a frame of the question's scene."""
        stamp = stamp_of(message)
        return self._client.wait_for(lambda: self._scenes.get(stamp), "the answered frame") == question.scene_id

    def picture(self, message: ReferredObject) -> np.ndarray:
        """The frame that an answer is about, H×W×3 uint8 RGB."""
        stamp = stamp_of(message)
        return rgb_pixels(self._client.wait_for(lambda: self._images.get(stamp), "the answered image"))

    def truth(self, message: ReferredObject, instances: Sequence[int]) -> np.ndarray:
        """H×W bool pixels of some objects in the frame that an answer is about."""
        stamp = stamp_of(message)
        labels = unpack_rows(self._client.wait_for(lambda: self._labels.get(stamp), "the answered truth"))
        return np.isin(labels, list(instances))

    def _on_expressions(self, message: String) -> None:
        content = json.loads(message.data)
        seconds, nanoseconds = content["stamp"]
        self._shown = content["scene"]
        keep(self._scenes, (seconds, nanoseconds), content["scene"])


def keep(messages: dict, stamp: tuple[int, int], message: object) -> None:
    """Remember the newest ones only."""
    messages[stamp] = message
    if len(messages) > FRAMES_KEPT:
        del messages[next(iter(messages))]


def stamp_of(message: Image | ReferredObject) -> tuple[int, int]:
    """Seconds and nanoseconds of a header."""
    return message.header.stamp.sec, message.header.stamp.nanosec


def ask(client: SegmentClient, camera: Camera, question: Question) -> Reply:
    """Show the scene, ask, and compare the answer with the truth of the very frame it is about."""
    camera.show(question)
    answers = (refer(client, question) for _ in range(ATTEMPTS))
    objects = next((objects for objects in answers if camera.shows(objects[0], question)), None)
    if objects is None:
        raise HybridGLError(f"segment_node still answers on older frames than those of scene {question.scene_id}")
    truth = camera.truth(objects[0], question.expression.instances)
    return Reply(question, objects, camera.picture(objects[0]), truth)


def refer(client: SegmentClient, question: Question) -> tuple[ReferredObject, ...]:
    """Ask by topic or by service, depending on the kind: all referents, or the object that says there is none."""
    text = question.expression.text
    if question.kind in BY_TOPIC:
        first, everything = client.refer_all_by_topic(text)
        return tuple(everything.objects) or (first,)
    response = client.refer(text)
    if not response.success:
        raise HybridGLError(f"{text!r}: {response.message}")
    return tuple(response.objects)


class Processes:
    """Nodes of this package in processes of their own, which end with the `with` block."""

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen] = {}

    def start(self, module: str, *parameters: str) -> None:
        """Start a node by its module below `hybridgl_ros.ros`, with parameters written as `name:=value`."""
        options = [word for parameter in parameters for word in ("-p", parameter)]
        command = [sys.executable, "-m", f"hybridgl_ros.ros.{module}", "--ros-args", "--log-level", "warn", *options]
        self._children[module] = subprocess.Popen(command)

    def check(self) -> None:
        """Raise HybridGLError when a node has ended."""
        for module, child in self._children.items():
            if child.poll() is not None:
                raise HybridGLError(f"{module.rpartition('.')[2]} ended with code {child.returncode}")

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            child.terminate()
        for child in self._children.values():
            try:
                child.wait(timeout=ENDING_TIME)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def run(config: str, console: Console) -> list[Reply]:
    """Start both nodes, ask the questions, and return the replies."""
    scenes = validation_path().resolve()
    questions = choose_questions(TabletopSet(scenes))
    use_dds_profile()
    rclpy.init()
    with Processes() as processes:
        client = SegmentClient(timeout=ANSWER_TIME, check=processes.check)
        camera = Camera(client)
        hold = ("frames_per_scene:=0", f"scene:={questions[0].scene}")
        processes.start("camera.sim_camera", f"scenes:={scenes}", *hold, f"rate:={FRAME_RATE}")
        processes.start("segment.segment_node", f"config:={config}")
        started = time.monotonic()
        with console.status("starting sim_camera and segment_node, loading the models …"):
            client.wait_until_ready(STARTING_TIME)
        console.print(f"segment_node is ready after {time.monotonic() - started:.1f} s")
        replies = [ask(client, camera, question) for question in questions]
        client.close()
    rclpy.try_shutdown()
    return replies


def main(
    output: Annotated[Path, typer.Option("--output", "--out", help="Folder for the answers.")] = Path("build/demo"),
    config: Annotated[str, typer.Option(help="Configuration of the node.")] = "embedded",
) -> None:
    """Find what seven expressions refer to on the simulated tabletop, over DDS.

    Writes answers.json and contact_sheet.png.
    """
    console = Console()
    try:
        replies = run(config, console)
    except HybridGLError as error:
        console.print(f"The demo stopped: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    except ExternalShutdownException:
        raise typer.Exit(INTERRUPTED) from None
    output.mkdir(parents=True, exist_ok=True)
    records = [reply.record() for reply in replies]
    (output / "answers.json").write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")
    write_image(output / "contact_sheet.png", contact_sheet(replies))
    console.print(table(replies))
    console.print(f"pictures: {output / 'contact_sheet.png'}   answers: {output / 'answers.json'}")


if __name__ == "__main__":
    typer.run(main)
