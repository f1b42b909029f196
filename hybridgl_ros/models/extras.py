"""Libraries that only some architectures need."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from hybridgl_ros.errors import ConfigError

LIBRARIES = {"hiera": ("SAM 2.1", "transformers", "sam2"), "mobile_sam": ("MobileSAM", "timm", "mobilesam")}
"""By how an architecture's name begins: the model, its library and the extra of this package that brings it."""


def check_library(architecture: str) -> None:
    """Raise ConfigError, with the command that brings it, when the library of an architecture is not installed."""
    for beginning, (model, library, extra) in LIBRARIES.items():
        if architecture.startswith(beginning) and not is_installed(library):
            raise ConfigError(f"{model} needs {library}; run: pip install 'hybridgl-ros[{extra}]'")


def library_of(architecture: str, part: str = "") -> ModuleType:
    """The library of an architecture, or a part of it; errors as of `check_library`."""
    check_library(architecture)
    (_, library, _) = next(entry for beginning, entry in LIBRARIES.items() if architecture.startswith(beginning))
    return import_module(library + part)


def is_installed(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ValueError:  # somebody took it out of sys.modules
        return False
