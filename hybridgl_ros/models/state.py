"""Read weights of every format in use, without running code that a file carries."""

from __future__ import annotations

import gzip
import pickle
import zipfile
import zlib
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_safetensors
from safetensors.torch import load_file
from torch import Tensor

from hybridgl_ros.errors import WeightsError
from hybridgl_ros.models.layouts import unwrapped
from hybridgl_ros.models.torchscript import is_torchscript, read_torchscript_state

UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    SafetensorError,
    pickle.UnpicklingError,
    RuntimeError,
    zipfile.BadZipFile,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
)


def read_state(path: Path) -> dict[str, Tensor]:
    """Tensors by name on the CPU, floating-point ones as float32.

    Reads .safetensors, .safetensors.gz, TorchScript archives (tensors only) and what `torch.save` wrote
    (weights only, a state dict or a training checkpoint with one); see `layouts.unwrapped`.
    Raises WeightsError for anything else.
    """
    try:
        state = read_raw(path)
    except UNREADABLE as error:
        raise WeightsError(f"{path}: not readable as weights: {error}") from error
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def read_part(path: Path, prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """Tensors of a .safetensors file whose names begin so, under these names, floating-point ones as float32.

    Raises WeightsError for anything else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: file.get_tensor(name) for name in file.keys() if name.startswith(prefixes)}  # noqa: SIM118
    except UNREADABLE as error:
        raise WeightsError(f"{path}: not readable as weights: {error}") from error
    return {name: value.float() if value.is_floating_point() else value for name, value in found.items()}


def read_raw(path: Path) -> dict[str, Tensor]:
    """Tensors as they are stored, under the model's own names."""
    if path.name.endswith(".safetensors.gz"):
        return unwrapped(load_safetensors(gzip.decompress(path.read_bytes())))
    if path.suffix == ".safetensors":
        return unwrapped(load_file(path))
    if is_torchscript(path):
        return read_torchscript_state(path)
    return unwrapped(torch.load(path, map_location="cpu", weights_only=True))
