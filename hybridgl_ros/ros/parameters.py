"""ROS parameters made from the settings' descriptions: one declaration for every setting, method's and node's alike."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args, get_origin

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from hybridgl_ros.config import build, check, load_config, replace, values_of
from hybridgl_ros.ros.settings import SegmentSettings
from hybridgl_ros.settings import Config, Description, describe, descriptions

Settings = TypeVar("Settings")
LARGEST_INTEGER = 2**63 - 1


def declare(node: Node, description: Description, value: Any) -> Any:
    """Declare one parameter and return its value: the node's override if there is one, else the given default."""
    if get_origin(description.type) is list and not value:
        # rclpy takes an empty list for bytes.
        (kind,) = get_args(description.type)
        empty = Parameter.Type.STRING_ARRAY if kind is str else Parameter.Type.DOUBLE_ARRAY
        parameter = node.declare_parameter(description.name, empty, descriptor(description))
        return list(parameter.value or [])
    parameter = node.declare_parameter(description.name, value, descriptor(description))
    return plain(parameter)


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
    known = describe(type(defaults))
    values = {name: declare(node, known[name], getattr(defaults, name)) for name in known}
    return type(defaults)(**{name: check(known[name], value) for name, value in values.items()})


def declare_config(node: Node, settings: SegmentSettings) -> Config:
    """Declare every setting of the method; the configuration that the node names gives the defaults.

    The models come first: their cards recommend thresholds. Raises ConfigError for a value that does not fit.
    """
    known = descriptions()
    preset = settings.preset or None
    values = values_of(load_config(settings.config, preset=preset))
    models = {name: declare(node, known[name], values[name]) for name in known if name.startswith("models.")}
    defaults = values_of(load_config(settings.config, preset=preset, overrides=models))
    others = {name: declare(node, known[name], defaults[name]) for name in known if name not in models}
    return build({**models, **others}, where=node.get_name())


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
