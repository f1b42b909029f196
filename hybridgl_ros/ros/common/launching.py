"""What the launch files know and check, without `launch`: what is given wrongly is refused before anything runs.

Every refusal is a ConfigError that names the launch argument; `ros2 launch` makes a line of it and exit code 1.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from hybridgl_ros.config import check, read_yaml
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.ros.common.settings import SegmentSettings
from hybridgl_ros.settings import Description, describe, descriptions

# Launch argument: the node's parameter.
PARAMETERS = {
    "config": "config",
    "preset": "preset",
    "mode": "mode",
    "image_transport": "image_transport",
    "autostart": "autostart",
    "sam": "models.sam",
    "clip": "models.clip",
    "device": "models.device",
    "predicted_iou_threshold": "proposals.predicted_iou_threshold",
    "stability_threshold": "proposals.stability_threshold",
    "nms_threshold": "proposals.nms_threshold",
    "score_threshold": "fusion.score_threshold",
    "similarity_threshold": "fusion.similarity_threshold",
    "alpha": "fusion.alpha",
    "beta": "features.beta",
    "lambda": "guidance.outside_weight",
    "lambda_big": "guidance.outside_weight_big",
    "lambda_small": "guidance.outside_weight_small",
}
# Further arguments of segment.launch.py: default and description.
OTHERS = {
    "cameras": ("", "Several cameras, as front,wrist: one process with a node for each, in the namespace of that name, "
                    "and one set of models. Each topic is then within these namespaces, or a list, one a camera. "
                    "Empty: one node."),
    "image": ("image", "Topic of the camera images; compressed ones are looked for at <image>/compressed."),
    "depth": ("depth", "Topic of the depth images that are registered to the camera's, where there are any."),
    "camera_info": ("camera_info", "Topic of the camera's calibration."),
    "expression": ("expression", "Topic of the expressions (std_msgs/String)."),
    "params_file": ("", "YAML file of ROS parameters; arguments given here win over it."),
    "namespace": ("", "Namespace of the node, its topics and its service."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
    "use_sim_time": ("", "Take the time from /clock: true or false. Empty: as the params file has it, else false."),
    "rviz": ("false", "Show it in RViz, a window for each camera: true or false."),
    "rviz_frame": ("", "RViz's fixed frame, that of the camera's images. Empty: the simulated camera's."),
    "required": ("", "When the node ends, launch ends, with an error if it died: true or false. Empty: true when this "
                     "file was started by itself and nothing is respawned, else false."),
    "respawn": ("false", "Start the node again whenever it has ended, until launch ends: true or false."),
}  # fmt: skip
# Seconds before the node is started again.
RESPAWN_DELAY = 1.0
# Those of them that are topics of the node.
TOPICS = ("image", "depth", "camera_info", "expression")
LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")
NAMESPACE = re.compile(r"/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*")
TRUTHS = {"true": True, "1": True, "false": False, "0": False}
# Names in another's launch file that look like a misspelt one of ours.
LIKENESS = 0.8


def parameter_descriptions() -> dict[str, Description]:
    """What is known of each parameter that has a launch argument, by that argument."""
    known = {**describe(SegmentSettings), **descriptions()}
    return {argument: replace(known[parameter], name=argument) for argument, parameter in PARAMETERS.items()}


def described(description: Description) -> str:
    """Text, range and choices of a setting; its default is the configuration's."""
    parts = [description.text]
    if description.choices:
        parts.append(f"One of {', '.join(description.choices)}.")
    if description.low is not None:
        parts.append(f"From {description.low:g} to {description.high:g}.")
    return " ".join([*parts, "Empty: as the configuration says."])


def value_of(description: Description, text: str) -> Any:
    """An argument's text in the type of its setting. Raises ConfigError when it is none of its values."""
    value: Any = text
    if description.type in (int, float):
        try:
            value = description.type(text)
        except ValueError:
            kind = "a whole number" if description.type is int else "a number"
            raise ConfigError(f"{description.name}: wants {kind}, got {text!r}") from None
    elif description.type is bool:
        value = truth_of(description.name, text)
    return check(description, value)


def truth_of(name: str, text: str) -> bool:
    """True or False of an argument's text."""
    if text.lower() not in TRUTHS:
        raise ConfigError(f"{name}: wants true or false, got {text!r}")
    return TRUTHS[text.lower()]


def cameras_of(text: str) -> list[str]:
    """The cameras' names in an argument. Raises ConfigError for what is no namespace, and for a name that is twice."""
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    for name in names:
        if not NAMESPACE.fullmatch(name):
            raise ConfigError(f"cameras: {name!r} is no namespace")
        if names.count(name) > 1:
            raise ConfigError(f"cameras: {name} is there twice")
    return names


def remappings(topics: Mapping[str, str], cameras: Sequence[str]) -> list[list[tuple[str, str]]]:
    """What is remapped for each camera, as (from, to). topics: what is given for each of TOPICS, one or a list of them.

    Raises ConfigError for a list that has not one topic a camera.
    """
    rules: list[list[tuple[str, str]]] = [[] for _ in cameras]
    for name, text in topics.items():
        given = [topic.strip() for topic in text.split(",")]
        if len(given) not in (1, len(cameras)):
            raise ConfigError(f"{name}: {len(given)} topics for {len(cameras)} cameras")
        for own, topic in zip(rules, given * (len(cameras) // len(given)), strict=True):
            if topic not in ("", name):
                own.append((name, topic))
    return rules


def check_log_level(text: str) -> None:
    """Raise ConfigError for what rcl would not take: a level, or that of one logger as NAME:=LEVEL."""
    if text.rpartition(":=")[2].lower() not in LOG_LEVELS:
        raise ConfigError(f"log_level: {text!r} is not one of {', '.join(LOG_LEVELS)}")


def check_end(required: bool, respawn: bool) -> None:
    """Raise ConfigError when launch is to end with the node, and to start it again."""
    if required and respawn:
        raise ConfigError("required: launch cannot end with a node that is to be respawned")


def check_rviz() -> None:
    """Raise ConfigError when RViz is not installed."""
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError:
        raise ConfigError("rviz: rviz2 is not installed") from None


def check_params_file(text: str) -> None:
    """Raise ConfigError when there is no such file, or no parameters are in it."""
    path = Path(text)
    if not path.is_file():
        raise ConfigError(f"params_file: no such file: {text}")
    try:
        read_yaml(path)
    except (ConfigError, OSError, yaml.YAMLError) as error:
        raise ConfigError(f"params_file: {' '.join(str(error).split())}") from None


def is_launched(file: str | Path, words: Sequence[str] | None = None) -> bool:
    """Whether a launch file was named on the command line, not included by another. words: the command line's."""
    return any(Path(word).name == Path(file).name for word in (sys.argv if words is None else words))


def check_names(words: Sequence[str], declared: Collection[str]) -> None:
    """Raise ConfigError for NAME:=VALUE words whose name is no argument of the launch file."""
    for word in words:
        name, sign, _ = word.partition(":=")
        if sign and name not in declared:
            near = difflib.get_close_matches(name, declared, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "--show-args lists those there are"
            raise ConfigError(f"unknown launch argument {name!r}; {hint}")


def lookalikes(names: Collection[str], declared: Collection[str]) -> list[str]:
    """A warning for each name, given to any launch file, that may be a misspelt argument of this one."""
    near = {name: difflib.get_close_matches(name, declared, n=1, cutoff=LIKENESS) for name in names}
    return [
        f"launch argument {name!r} is none of segment.launch.py; did you mean {found[0]!r}?"
        for name, found in near.items()
        if found and name not in declared
    ]


def full_namespace(outer: str, own: str) -> str:
    """The namespace of a node within that of a group (PushRosNamespace), from / on, without one at the end."""
    if own.startswith("/"):
        outer = ""
    return "".join(f"/{part}" for part in (outer.strip("/"), own.strip("/")) if part)
