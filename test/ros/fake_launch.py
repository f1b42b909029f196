"""As much of `launch` and `launch_ros` as the launch files use, where ROS does not bring them."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class LaunchContext:
    def __init__(self, *, argv: list[str] | None = None) -> None:
        self.argv = argv or []
        self.launch_configurations: dict[str, str] = {}
        self.environment = os.environ
        self.is_shutdown = False


class LaunchDescription:
    def __init__(self, entities: list) -> None:
        self.entities = entities

    def visit(self, context: LaunchContext) -> list:
        return self.entities


class DeclareLaunchArgument:
    def __init__(self, name: str, *, default_value: str | None = None, description: str) -> None:
        self.name, self.default, self.description = name, default_value, description

    def visit(self, context: LaunchContext) -> None:
        if self.default is None and self.name not in context.launch_configurations:
            raise RuntimeError(f"Required launch argument '{self.name}' was not provided.")
        context.launch_configurations.setdefault(self.name, self.default)


class OpaqueFunction:
    def __init__(self, *, function) -> None:
        self.function = function

    def visit(self, context: LaunchContext) -> list | None:
        return self.function(context)


class PythonLaunchDescriptionSource:
    def __init__(self, path: str) -> None:
        self.path = path

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        spec = importlib.util.spec_from_file_location("launch_file", self.path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.generate_launch_description()


class IncludeLaunchDescription:
    def __init__(self, source: PythonLaunchDescriptionSource, *, launch_arguments: Any) -> None:
        self.source, self.arguments = source, launch_arguments

    def visit(self, context: LaunchContext) -> list:
        context.launch_configurations.update(self.arguments)
        return [self.source.get_launch_description(context)]


class Shutdown:
    def __init__(self, *, reason: str) -> None:
        self.reason = reason


class LaunchConfiguration:
    def __init__(self, name: str) -> None:
        self.name = name

    def perform(self, context: LaunchContext) -> str:
        return context.launch_configurations[self.name]


class ParameterValue:
    def __init__(self, value: Any, *, value_type: type) -> None:
        if not isinstance(value, value_type):
            raise TypeError(f"value='{value}' is not an instance of {value_type}")
        self.value = value

    def evaluate(self, context: LaunchContext) -> Any:
        return self.value


CONTENT = {
    "launch": {"LaunchContext": LaunchContext, "LaunchDescription": LaunchDescription},
    "launch.actions": {
        "DeclareLaunchArgument": DeclareLaunchArgument,
        "IncludeLaunchDescription": IncludeLaunchDescription,
        "OpaqueFunction": OpaqueFunction,
        "Shutdown": Shutdown,
    },
    "launch.events": {},
    "launch.events.process": {"ProcessExited": SimpleNamespace},
    "launch.launch_description_sources": {"PythonLaunchDescriptionSource": PythonLaunchDescriptionSource},
    "launch.logging": {"get_logger": logging.getLogger},
    "launch.substitutions": {"LaunchConfiguration": LaunchConfiguration},
    "launch_ros": {},
    "launch_ros.actions": {"Node": None},
    "launch_ros.parameter_descriptions": {"ParameterValue": ParameterValue},
}


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make them importable for a test."""
    for name, content in CONTENT.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
