"""How well a moving camera's objects keep their identity: the real node over DDS, frame by frame, against the truth.

python benchmarks/following.py [--set validation|heldout] [--scenes N] [--frames N] [--every N]

A scene of the tabletop is seen by a camera that pans, tilts, rolls and zooms, and something passes before it. Its
expressions that mean one object are followed together; on the same frames the service answers each of them anew. What
counts are those that are answered right on the first frame: whether the answer stays on that object, and for following
keeps its number, while at least half of the object is in sight.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rclpy
from hybridgl_ros.msg import Expressions, ReferredObject
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from hybridgl_ros.pixels import unpack_rows
from hybridgl_ros.ros.camera.sim_camera import camera_info
from hybridgl_ros.ros.common.client import SegmentClient
from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.tabletop.dataset import TabletopScene, TabletopSet, heldout_path, validation_path
from hybridgl_ros.tabletop.motion import Motion, seen

SETS = {"validation": validation_path, "heldout": heldout_path}
NAMESPACE = "/following"
MOTION = Motion(pan=4, tilt=2, roll=4, zoom=0.1, period=60, occluder_every=60, occluder_frames=24, occluder_width=0.4)
# Of an object's pixels, were nothing in front of it: from the first share on it is in sight, up to the second hidden.
IN_SIGHT, HIDDEN = 0.5, 0.1
SOON = 3


@dataclass
class Count:
    """Frames of all sequences together. in_sight: with the object in sight, kept: and answered with it; hidden: with it
    hidden, mistaken: and answered with another; returns: times that it came into sight again, soon: and was answered
    with within SOON frames."""

    in_sight: int = 0
    kept: int = 0
    hidden: int = 0
    mistaken: int = 0
    returns: int = 0
    soon: int = 0

    def row(self, name: str) -> str:
        """A row of the table."""
        kept, mistaken, soon = (
            f"{100 * part / whole:.1f} % of {whole}" if whole else ""
            for part, whole in (
                (self.kept, self.in_sight),
                (self.mistaken, self.hidden),
                (self.soon, self.returns),
            )
        )
        return f"| {name} | {kept} | {mistaken} | {soon} |"


@dataclass
class Course:
    """One expression on the frames of one scene. number: of the followed object; away: it was hidden, since: frames
    since its return, None when that is settled."""

    target: int
    number: int
    count: Count
    away: bool = False
    since: int | None = None

    def add(self, share: float, message: ReferredObject, instances: np.ndarray) -> None:
        """Judge one frame. share: of the object that is in sight."""
        there = shown(message, instances)
        right = there == self.target and (not self.number or message.track_id == self.number)
        if share >= IN_SIGHT:
            self.count.in_sight += 1
            self.count.kept += right
            if self.away:
                self.away, self.since = False, 0
                self.count.returns += 1
            if self.since is not None:
                if right and self.since < SOON:
                    self.count.soon += 1
                self.since = None if right or self.since + 1 >= SOON else self.since + 1
        elif share <= HIDDEN:
            self.away = True
            self.count.hidden += 1
            self.count.mistaken += message.found and there != self.target


@dataclass
class Totals:
    """What is counted. asked: expressions, begun: those that were answered right on the first frame."""

    asked: int = 0
    begun: int = 0
    followed: Count = field(default_factory=Count)
    anew: Count = field(default_factory=Count)


def shown(message: ReferredObject, instances: np.ndarray) -> int:
    """The instance that most of an answer's pixels are on; 0 for none."""
    if not message.found:
        return 0
    mask = unpack_rows(message.mask) > 0
    counts = np.bincount(instances[mask], minlength=256)
    likeliest = int(counts.argmax())
    return likeliest if counts[likeliest] > mask.sum() / 2 else 0


class Camera:
    """Shows frames to the node, and hears what it makes of them."""

    def __init__(self, client: SegmentClient) -> None:
        self.client = client
        reliable = QoSProfile(depth=10)
        node = client.node
        self._image = node.create_publisher(Image, f"{NAMESPACE}/image", reliable)
        self._depth = node.create_publisher(Image, f"{NAMESPACE}/depth", reliable)
        self._info = node.create_publisher(CameraInfo, f"{NAMESPACE}/camera_info", reliable)
        self._expressions = node.create_publisher(Expressions, f"{NAMESPACE}/segment_node/expressions", reliable)
        self._heard: dict[tuple[int, str], ReferredObject] = {}
        node.create_subscription(ReferredObject, f"{NAMESPACE}/segment_node/result", self._hear, QoSProfile(depth=100))
        self._number = 0
        for publisher in (self._image, self._depth, self._info, self._expressions):
            client.wait_for(lambda one=publisher: one.get_subscription_count() or None, publisher.topic_name)

    def _hear(self, message: ReferredObject) -> None:
        self._heard[message.header.stamp.sec, message.expression] = message

    def ask(self, expressions: Sequence[str]) -> None:
        """Have these followed from now on."""
        self._expressions.publish(Expressions(expressions=list(expressions)))

    def show(self, scene: TabletopScene) -> None:
        """Publish a frame."""
        self._number += 1
        header = Header(frame_id="optical")
        header.stamp.sec = self._number
        self._depth.publish(image_message(scene.depth.astype(np.float32), "32FC1", header))
        self._info.publish(camera_info(scene, header))
        self._image.publish(image_message(scene.image, "rgb8", header))

    def answers(self, expressions: Sequence[str]) -> list[ReferredObject]:
        """What following makes of the frame shown last."""
        keys = [(self._number, text) for text in expressions]
        self.client.wait_for(lambda: all(key in self._heard for key in keys) or None, "the answers")
        return [self._heard.pop(key) for key in keys]


def follow(camera: Camera, scene: TabletopScene, frames: Sequence[int], totals: Totals) -> None:
    """Follow the expressions of one scene."""
    meant = [(entry.text, entry.instance) for entry in scene.expressions if entry.instance is not None]
    texts = [text for text, _ in meant]
    whole = {truth.instance: truth.pixels for truth in scene.objects}
    sequences: list[tuple[Course, Course] | None] = []
    for place, frame in enumerate(frames):
        now = seen(scene, MOTION, frame)
        camera.show(now)
        if not place:
            camera.ask(texts)
        followed = camera.answers(texts)
        anew = [camera.client.refer(text).objects[0] for text in texts]
        if not place:
            totals.asked += len(texts)
            for (_, instance), answer in zip(meant, followed, strict=True):
                right = instance is not None and shown(answer, now.instances) == instance
                totals.begun += right
                sequences.append(
                    (Course(instance, answer.track_id, totals.followed), Course(instance, 0, totals.anew))
                    if right and instance is not None
                    else None
                )
            continue
        scale = (now.intrinsics[0, 0] / scene.intrinsics[0, 0]) ** 2
        for pair, *answers in zip(sequences, followed, anew, strict=True):
            for sequence, answer in zip(pair or (), answers, strict=False):
                visible = float((now.instances == sequence.target).sum()) / (whole[sequence.target] * scale)
                sequence.add(visible, answer, now.instances)
    camera.ask([])


def node_process() -> subprocess.Popen[Any]:
    """The node with the embedded models."""
    command = [sys.executable, "-m", "hybridgl_ros.ros.segment.segment_node", "--ros-args"]
    options = ["-r", f"__ns:={NAMESPACE}", "-p", "mode:=continuous", "-p", "depth_slop:=1.0"]
    return subprocess.Popen([*command, *options], env=os.environ)


def chosen(scenes: TabletopSet, every: int, count: int) -> Iterator[TabletopScene]:
    for index in list(range(0, len(scenes), every))[:count]:
        yield scenes[index]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=sorted(SETS), default="validation")
    parser.add_argument("--scenes", type=int, default=8, help="how many scenes")
    parser.add_argument("--every", type=int, default=20, help="take every Nth scene")
    parser.add_argument("--frames", type=int, default=30, help="frames of a scene that the node sees")
    parser.add_argument("--step", type=int, default=3, help="frames of the camera from one of them to the next")
    options = parser.parse_args()
    rclpy.init()
    process = node_process()
    client = SegmentClient(f"{NAMESPACE}/segment_node", timeout=120.0)
    totals = Totals()
    try:
        client.wait_for_models(300.0)
        camera = Camera(client)
        for scene in chosen(TabletopSet(SETS[options.set]()), options.every, options.scenes):
            follow(camera, scene, range(0, options.step * options.frames, options.step), totals)
            print(f"{scene.id}: {totals.followed} {totals.anew}", file=sys.stderr, flush=True)
    finally:
        client.close()
        process.terminate()
        process.wait(timeout=60)
        rclpy.try_shutdown()
    print(f"{options.set}: {totals.begun} of {totals.asked} expressions right on the first frame, followed from there")
    print(f"| | object kept while in sight | another one while hidden | again within {SOON} frames of its return |")
    print("| --- | --- | --- | --- |")
    print(totals.followed.row("followed"))
    print(totals.anew.row("every frame by itself"))


if __name__ == "__main__":
    main()
