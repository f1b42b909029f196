"""Libraries that only some models need."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from hybridgl_ros.errors import ConfigError


def needed(module: str, model: str, extra: str) -> ModuleType:
    """A module of an optional library; raises ConfigError with the command that brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(f"{model} needs {module} ({error}); run: pip install 'hybridgl-ros[{extra}]'") from error
