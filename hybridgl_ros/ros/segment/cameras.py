"""One process for several cameras: a node each, in a namespace of its own, and one set of models."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.recording import SPAWN
from hybridgl_ros.ros.common.executable import run
from hybridgl_ros.ros.common.launching import NAMESPACE, full_namespace
from hybridgl_ros.ros.segment.inference import Inference
from hybridgl_ros.ros.segment.model_store import Segmenter
from hybridgl_ros.settings import Config

if TYPE_CHECKING:
    from hybridgl_ros.ros.segment.segment_node import SegmentNode

ROS_ARGUMENTS = "--ros-args"
NAMESPACE_RULE = re.compile(r"(segment_node:)?__ns:=(?P<name>.+)")


@dataclass(frozen=True)
class Camera:
    """A camera of the process. namespace: its node's. rules: remappings of its node alone, FROM:=TO."""

    namespace: str
    rules: tuple[str, ...] = ()

    def arguments(self, outer: str) -> list[str]:
        """The ROS arguments of its node, within the process's namespace."""
        rules = [f"__ns:={full_namespace(outer, self.namespace)}", *self.rules]
        return [ROS_ARGUMENTS, *(word for rule in rules for word in ("-r", rule))]


def run_cameras(
    make_node: Callable[..., SegmentNode],
    make_segmenter: Callable[[Config], Segmenter],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a node, or one for each `--camera`, until interrupted; returns the exit code.

    make_node: makes a SegmentNode. Raises SystemExit for a camera that is given wrongly, which is told in a line.
    """
    program, *words = sys.argv if arguments is None else arguments
    end = words.index(ROS_ARGUMENTS) if ROS_ARGUMENTS in words else len(words)
    cameras, others = cameras_of(words[:end])
    several = partial(make_nodes, make_node, make_segmenter, cameras, namespace_of(words[end:]))
    return run(several if cameras else partial(make_node, make_segmenter), [program, *others, *words[end:]])


def make_nodes(
    make_node: Callable[..., SegmentNode],
    make_segmenter: Callable[[Config], Segmenter],
    cameras: Sequence[Camera],
    outer: str = "",
) -> list[SegmentNode]:
    """A node for each camera, which share thread and models. outer: the process's namespace.

    Raises ConfigError when a node's parameters are refused.
    """
    inference = Inference(make_segmenter)
    nodes: list[SegmentNode] = []
    for camera in cameras:
        try:
            nodes.append(make_node(make_segmenter, inference=inference, arguments=camera.arguments(outer)))
        except ConfigError as error:
            raise ConfigError(f"camera {camera.namespace}: {error}") from None
    threads = {node.get_fully_qualified_name(): node.config.models.threads for node in nodes}
    if len(set(threads.values())) > 1:
        told = ", ".join(f"{name} has {count}" for name, count in threads.items())
        raise ConfigError(f"models.threads counts for the whole process, so for all its cameras: {told}")
    check_recordings([node.settings.rerun for node in nodes])
    return nodes


def check_recordings(targets: Sequence[str]) -> None:
    """Raise ConfigError when several cameras would write one file."""
    files = [target for target in targets if target not in ("", SPAWN)]
    for file in files:
        if files.count(file) > 1:
            raise ConfigError(f"rerun: several cameras cannot write {file}: give each its own")


def cameras_of(words: Sequence[str]) -> tuple[list[Camera], list[str]]:
    """The cameras of a command line, and what else is on it. Raises SystemExit for what is wrong with a camera."""
    parser = ArgumentParser("segment_node", allow_abbrev=False, description=__doc__)
    parser.add_argument(
        "--camera",
        action="append",
        nargs="+",
        default=[],
        metavar=("NAMESPACE", "FROM:=TO"),
        help="the namespace of a camera's node, and what is remapped for that node alone; once for each camera. ROS "
        "arguments come after these; the parameters of one camera are those of /NAMESPACE/segment_node in a file.",
    )
    options, others = parser.parse_known_args(words)
    cameras = [Camera(name, tuple(rules)) for name, *rules in options.camera]
    for camera in cameras:
        if not NAMESPACE.fullmatch(camera.namespace):
            parser.error(f"--camera: {camera.namespace!r} is no namespace")
        for rule in camera.rules:
            if not all(rule.partition(":=")):
                parser.error(f"--camera {camera.namespace}: {rule!r} is not FROM:=TO")
    names = [camera.namespace.strip("/") for camera in cameras]
    for name in names:
        if names.count(name) > 1:
            parser.error(f"--camera: {name} is there twice")
    return cameras, others


def namespace_of(words: Sequence[str]) -> str:
    """The namespace that ROS arguments give every node of the process; empty: none."""
    rules = [rule for flag, rule in pairwise(words) if flag in ("-r", "--remap")]
    return next((found["name"] for rule in rules if (found := NAMESPACE_RULE.fullmatch(rule))), "")
