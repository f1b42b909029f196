"""Read the tensors of a TorchScript archive without running anything in it.

OpenAI published CLIP as such archives. `torch.jit.load` would compile the code they carry, and
`torch.load(weights_only=True)` refuses them; here only tensors and plain containers are rebuilt.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class ScriptObject:
    """Stands in for a module of the archive: its attributes, none of its code."""


def is_torchscript(path: Path) -> bool:
    """Whether the file is an archive written by `torch.jit.save`."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read_torchscript_state(path: Path) -> dict[str, Tensor]:
    """Every tensor attribute of the archived module by its dotted name.

    Raises pickle.UnpicklingError for anything but tensors and plain containers, KeyError for a lost tensor.
    """
    with zipfile.ZipFile(path) as archive:
        (data,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = data.removesuffix("data.pkl")
        with archive.open(data) as file:
            module = StateUnpickler(file, lambda key: archive.read(f"{folder}data/{key}")).load()
    if not isinstance(module, ScriptObject):
        raise pickle.UnpicklingError(f"{path}: holds no module")
    return dict(tensors_of(module, ""))


class StateUnpickler(pickle.Unpickler):
    """Admits tensors, containers and `ScriptObject`s only."""

    def __init__(self, file: Any, read_storage: Callable[[str], bytes]) -> None:
        super().__init__(file, encoding="utf-8")
        self._read_storage = read_storage
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return ScriptObject
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return rebuild_tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch.jit._pickle":
            return untagged if name == "restore_type_tag" else list
        raise pickle.UnpicklingError(f"the archive wants {module}.{name}, which is not admitted")

    def persistent_load(self, pid: Any) -> Tensor:
        _, dtype, key, _, count = pid
        if key not in self._storages:
            content = bytearray(self._read_storage(key))
            empty = torch.empty(0, dtype=dtype)
            self._storages[key] = torch.frombuffer(content, dtype=dtype, count=count) if count else empty
        return self._storages[key]


def rebuild_tensor(storage: Tensor, offset: int, size: Sequence[int], stride: Sequence[int], *_: Any) -> Tensor:
    """A view of a storage; torch checks the bounds."""
    return torch.as_strided(storage, tuple(size), tuple(stride), offset)


def untagged(value: Any, _: str) -> Any:
    """A container whose type the archive states again; the type is of no use here."""
    return value


def tensors_of(module: ScriptObject, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Tensors of a module and of the modules below it."""
    for name, value in vars(module).items():
        if isinstance(value, Tensor):
            yield prefix + name, value
        elif isinstance(value, ScriptObject):
            yield from tensors_of(value, f"{prefix}{name}.")
