"""The published numbers and words of the methods: `config/evaluation/methods.yaml`."""

from __future__ import annotations

from typing import Any, TypeVar

from hybridgl_ros.config import read_yaml
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.resources import config_directory

FILE = "methods.yaml"

T = TypeVar("T")


def values_file() -> Any:
    """Where they are."""
    return config_directory() / "evaluation" / FILE


def values_for(method: str, kind: type[T]) -> T:
    """A method's section as a dataclass. Raises ConfigError naming what is missing or not known."""
    try:
        return kind(**read_yaml(values_file())[method])
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{values_file()}: {method}: {error}") from error
