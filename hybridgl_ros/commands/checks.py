"""What can be wrong with a command's input, found before anything slow is loaded. Nothing here waits for torch."""

from __future__ import annotations

import ctypes
import difflib
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hybridgl_ros.errors import ConfigError, ExpressionError
from hybridgl_ros.language.rules import load_rules
from hybridgl_ros.models.cache import checked_weights, weights_path
from hybridgl_ros.models.registry import find_checkpoint
from hybridgl_ros.settings import Config

DEVICES = ("auto", "cpu", "cuda", "mps", "xpu", "hpu", "mtia", "xla")
"""Kinds of torch devices that models can run on; auto takes a GPU when there is one."""


def local_path(text: str | Path) -> Path:
    """A path as an argument names it. Raises ConfigError for a URL, which `Path` would silently misspell."""
    if isinstance(text, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise ConfigError(f"{text}: URLs are not read; save the file first and name its path")
    return Path(text)


def check_expressions(expressions: Sequence[str]) -> None:
    """Raise ExpressionError when one of the expressions is blank."""
    if not all(expression.strip() for expression in expressions):
        raise ExpressionError("the expression is empty")


def check_models(config: Config) -> None:
    """Raise ConfigError or WeightsError when what a configuration names is not on this machine: device, weights, rules.

    The weights' checksums are left to those who load them.
    """
    check_device(config.models.device)
    load_rules(config.text.rules)
    check_weights(config.models.clip, "clip")
    check_weights(config.models.sam, "sam")


def check_weights(name: str, kind: str | None = None) -> None:
    """Raise ConfigError for an unknown checkpoint (of that kind), WeightsError for one whose file is missing."""
    checkpoint = find_checkpoint(name, kind)
    if not weights_path(checkpoint).is_file():
        checked_weights(checkpoint)


def check_device(name: str) -> None:
    """Raise ConfigError for a text that names no device, and for a GPU that the driver does not show."""
    kind, _, number = name.partition(":")
    if kind not in DEVICES or not re.fullmatch(r"[a-z]+(:\d+)?", name):
        near = difflib.get_close_matches(kind, DEVICES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "there is auto, cpu, cuda, cuda:1 and so on"
        raise ConfigError(f"models.device: {name!r} is no device; {hint}")
    count = visible_gpus() if kind == "cuda" else None
    if count is not None and int(number or 0) >= count:
        there = f"there is cuda:0 … cuda:{count - 1}" if count else "no GPU is visible here; take cpu"
        raise ConfigError(f"models.device: {name!r} cannot be used: {there}")


def visible_gpus() -> int | None:
    """How many GPUs NVIDIA's driver shows to this process; None where it does not decide (not Linux, AMD)."""
    if sys.platform != "linux" or Path("/dev/kfd").exists():
        return None
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    return count.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0


def make_folder(path: Path, option: str) -> None:
    """Make a folder to write to. Raises ConfigError naming the option when that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ConfigError(f"{option} {path}: cannot be written to ({error.strerror})") from error
