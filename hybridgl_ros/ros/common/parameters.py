"""ROS parameters made from the settings' descriptions: one declaration for every setting, method's and node's alike."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args, get_origin

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from hybridgl_ros.config import build, check, load_config, replace, values_of
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.ros.common.settings import SegmentSettings
from hybridgl_ros.settings import Config, Description, describe, descriptions

Settings = TypeVar("Settings")
LARGEST_INTEGER = 2**63 - 1
# Devices that are there on any machine; to ask for others takes torch, and that takes seconds.
USUAL_DEVICES = ("auto", "cpu")


def declare(node: Node, description: Description, value: Any) -> Any:
    """Declare one parameter and return its value: what the node was started with, else the given default.

    Raises ConfigError for a value that does not fit.
    """
    name = description.name
    is_list = get_origin(description.type) is list
    given = overrides(node).get(name)
    if given is not None:
        value = plain(given)
        if value is None and is_list:
            value = []  # what rcl makes of an empty list
        value = check(description, value)
    if is_list and not value:
        # rclpy takes an empty list for bytes, and fails to tell a parameter's value that is not set.
        (kind,) = get_args(description.type)
        empty = Parameter.Type.STRING_ARRAY if kind is str else Parameter.Type.DOUBLE_ARRAY
        node.declare_parameter(name, empty, descriptor(description), ignore_override=True)
        node.set_parameters([Parameter(name, empty, [])])
        return []
    return plain(node.declare_parameter(name, value, descriptor(description), ignore_override=True))


def overrides(node: Node) -> dict[str, Parameter]:
    """The parameters that the node was started with, declared or not."""
    # rclpy has no public door to them but declaring every one.
    return node._parameter_overrides


def unknown_parameters(node: Node) -> list[str]:
    """A line for each parameter that the node was started with and does not have, with the nearest one it has."""
    known = list(node.get_parameters_by_prefix(""))
    lines = []
    for name in overrides(node):
        if not node.has_parameter(name):
            near = difflib.get_close_matches(name, known, n=1)
            lines.append(f"there is no parameter {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return lines


def descriptor(description: Description) -> ParameterDescriptor:
    """Text, range, choices and read-only flag of a parameter."""
    low = -math.inf if description.low is None else description.low
    high = math.inf if description.high is None else description.high
    bounded = math.isfinite(low) or math.isfinite(high)
    ranges: dict[str, Any] = {}
    if bounded and description.type is float:
        ranges["floating_point_range"] = [FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)]
    elif bounded and description.type is int:
        first = int(low) if math.isfinite(low) else -LARGEST_INTEGER
        last = int(high) if math.isfinite(high) else LARGEST_INTEGER
        ranges["integer_range"] = [IntegerRange(from_value=first, to_value=last, step=1)]
    return ParameterDescriptor(
        name=description.name,
        description=description.text,
        additional_constraints=f"one of {', '.join(description.choices)}" if description.choices else "",
        read_only=not description.live,
        **ranges,
    )


def plain(parameter: Parameter) -> Any:
    """A parameter's value as Python's own types (rclpy hands out arrays)."""
    is_list = isinstance(parameter.value, Sequence) and not isinstance(parameter.value, str)
    return list(parameter.value) if is_list else parameter.value


def declare_settings(node: Node, defaults: Settings) -> Settings:
    """Declare every setting of a node's own dataclass. Raises ConfigError for a value that does not fit."""
    take_kindred_types(node)
    known = describe(type(defaults))
    values = {name: declare(node, known[name], getattr(defaults, name)) for name in known}
    return type(defaults)(**{name: check(known[name], value) for name, value in values.items()})


def take_kindred_types(node: Node) -> None:
    """Let a whole number be set where a float is declared, and an empty list where any is.

    A command line or a file cannot always say which is meant: `ros2 param` takes 1 for an integer and [] for booleans.
    """
    add = getattr(node, "add_pre_set_parameters_callback", None)  # from Iron on
    if add is not None:
        add(lambda parameters: [as_declared(node, parameter) for parameter in parameters])


def as_declared(node: Node, parameter: Parameter) -> Parameter:
    """A parameter in its declared type, where that only reads the same value otherwise; else as it is."""
    if not node.has_parameter(parameter.name):
        return parameter
    declared, given = node.describe_parameter(parameter.name).type, parameter.type_
    if declared == Parameter.Type.DOUBLE.value and given is Parameter.Type.INTEGER:
        return Parameter(parameter.name, Parameter.Type.DOUBLE, float(parameter.value))
    if declared == Parameter.Type.DOUBLE_ARRAY.value and given is Parameter.Type.INTEGER_ARRAY:
        return Parameter(parameter.name, Parameter.Type.DOUBLE_ARRAY, [float(value) for value in parameter.value])
    is_list = Parameter.Type(declared).name.endswith("_ARRAY") and given.name.endswith("_ARRAY")
    if is_list and not len(parameter.value):
        return Parameter(parameter.name, Parameter.Type(declared), [])
    return parameter


def declare_config(node: Node, settings: SegmentSettings) -> Config:
    """Declare every setting of the method; the configuration that the node names gives the defaults.

    The models come first: their cards recommend thresholds. Raises ConfigError for a value that does not fit, and for
    a device that is not there.
    """
    known = descriptions()
    preset = settings.preset or None
    values = values_of(load_config(settings.config, preset=preset))
    models = {name: declare(node, known[name], values[name]) for name in known if name.startswith("models.")}
    defaults = values_of(load_config(settings.config, preset=preset, overrides=models))
    others = {name: declare(node, known[name], defaults[name]) for name in known if name not in models}
    config = build({**models, **others}, where=node.get_name())
    check_device(config.models.device)
    return config


def check_device(name: str) -> None:
    """Raise ConfigError, which says what there is, when this machine has no such torch device."""
    if name in USUAL_DEVICES:
        return
    import torch

    from hybridgl_ros.models.loading import find_device

    try:
        find_device(name)
    except ConfigError as error:
        there = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        raise ConfigError(f"{error}; there is {', '.join(there)}") from None


def apply_changes(
    settings: SegmentSettings, config: Config, changes: Mapping[str, Any]
) -> tuple[SegmentSettings, Config]:
    """Both with some parameters changed; names of neither (use_sim_time, QoS overrides) are passed over.

    Raises ConfigError with the reason why a value is refused.
    """
    own = describe(SegmentSettings)
    method = descriptions()
    changed = {name: check(own[name], value) for name, value in changes.items() if name in own}
    return (
        dataclasses.replace(settings, **changed),
        replace(config, {name: value for name, value in changes.items() if name in method}),
    )
