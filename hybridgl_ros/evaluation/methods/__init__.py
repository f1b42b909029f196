"""Methods that answer expressions, one file each: HybridGL, those of its Table 1, and answers from a file.

A file of this folder is a method of that name (`_` for `-`) when it has
`build(config, stages) -> Method` and `SETTINGS`, the configuration changes that make the method what it is.
`MODELS` names the checkpoints that it loads beside the configuration's, `EXTRA` the libraries. One with `FROM_FILE` has
no models at all: its `build(config, source)` reads answers that somebody else made, see `Recorded`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.samples import Sample
from hybridgl_ros.settings import Config
from hybridgl_ros.types import Answer, Proposals


class EncodedImage(Protocol):
    """One image, ready for any number of expressions."""

    @property
    def proposals(self) -> Proposals | None:
        """What the answers' candidates are indices of; None for a method that makes masks of its own."""
        ...

    def refer(self, expression: str) -> Answer:
        """The answer to one expression; it must not depend on the expressions before."""
        ...


class Method(Protocol):
    """A way to score proposals for an expression, with its models loaded."""

    def encode(self, image: np.ndarray) -> EncodedImage:
        """All that depends on the image only (H×W×3 uint8 RGB), through the stages where it can be cached."""
        ...


class Recorded(Protocol):
    """Answers that were made before, by whatever system."""

    def find(self, split: str, sample: Sample, size: tuple[int, int]) -> Answer | None:
        """The answer to a sample on an image of a size (H, W), without proposals; None where there is none."""
        ...

    def nothing(self, sample: Sample, size: tuple[int, int]) -> Answer:
        """What stands where there is none."""
        ...


@dataclass(frozen=True)
class Extra:
    """Libraries that the package does not install by itself. name: of setup.py's extra. modules: what it brings."""

    name: str
    modules: tuple[str, ...]

    def check(self) -> None:
        """Raise ConfigError with the command when one of them is not installed."""
        if missing := [module for module in self.modules if find_spec(module) is None]:
            raise ConfigError(f"needs {' and '.join(missing)}; run: pip install 'hybridgl-ros[{self.name}]'")


@dataclass(frozen=True)
class MethodFile:
    """What a file of this folder offers. build: a `Method` of a configuration and its `Stages`; of one from a file, a
    `Recorded` of a configuration and the file."""

    name: str
    settings: Mapping[str, Any]
    models: tuple[str, ...]
    build: Callable[[Config, Any], Any]
    from_file: bool = False
    extra: Extra | None = None


def method_names() -> list[str]:
    """Every method's name."""
    return [info.name.replace("_", "-") for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]


def check_method(name: str) -> str:
    """The name itself; raises ConfigError when there is no such method. Waits for no model's library."""
    if name not in method_names():
        raise ConfigError(f"no method {name!r}; there are {', '.join(method_names())}")
    return name


def find_method(name: str) -> MethodFile:
    """A method by name. Raises ConfigError when there is none."""
    check_method(name)
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    models, from_file = getattr(module, "MODELS", ()), getattr(module, "FROM_FILE", False)
    return MethodFile(name, module.SETTINGS, models, module.build, from_file, getattr(module, "EXTRA", None))
