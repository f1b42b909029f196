"""Results of the image stages on disk, so that a second evaluation runs without SAM or CLIP image passes.

One safetensors file an entry. Its key is the SHA-256 of everything the result depends on, its header repeats
these inputs and seals them with the tensors and the seconds. What does not agree with both is computed anew, never
trusted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.models.cache import cache_directory

FORMAT = 2


def default_cache() -> Path:
    """Beside the weights, in the user's cache folder."""
    return cache_directory() / "evaluation"


@dataclass(frozen=True)
class Entry:
    """One stage's result. checksum: SHA-256 of the tensors. seconds: what it took to compute them."""

    tensors: dict[str, Tensor]
    checksum: str
    seconds: float


class StageCache:
    """A folder of entries that several processes may use at once. Raises ConfigError when it cannot be made.

    damaged: how many entries were there but could not be trusted, by this object.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.damaged = 0
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cache {directory}: cannot be used: {error}") from error

    def load(self, stage: str, inputs: Mapping[str, Any]) -> Entry | None:
        """The entry of a stage for exactly these inputs; None when there is none that can be trusted."""
        description = describe(stage, inputs)
        path = self.path(stage, description)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
                # Tensors are copied: those of safetensors would follow a change of the mapped file.
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
            content = checksum(tensors)
            if header["inputs"] != description or header["seal"] != seal(description, content, header["seconds"]):
                raise ValueError("the content is not what the header says")
            return Entry(tensors, content, float(header["seconds"]))
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError):
            self.damaged += 1
            return None

    def store(self, stage: str, inputs: Mapping[str, Any], tensors: Mapping[str, Tensor], seconds: float) -> None:
        """Write an entry; it appears under its name only when it is complete. Raises ConfigError on a full disk."""
        description = describe(stage, inputs)
        path = self.path(stage, description)
        own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        took = f"{seconds:.6f}"
        header = {"inputs": description, "seconds": took, "seal": seal(description, checksum(own), took)}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(save(own, header))
                if path.is_dir():
                    # Nothing of ours, and no reason to end: the entry is just not kept.
                    os.unlink(temporary)
                else:
                    os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
                raise
        except OSError as error:
            raise ConfigError(
                f"cache {self.directory}: cannot be written: {error}; --no-cache works without"
            ) from error

    def path(self, stage: str, description: str) -> Path:
        """Where an entry lies."""
        key = hashlib.sha256(description.encode()).hexdigest()
        return self.directory / stage / key[:2] / f"{key}.safetensors"


def describe(stage: str, inputs: Mapping[str, Any]) -> str:
    """Everything an entry depends on, as canonical JSON."""
    return json.dumps({"format": FORMAT, "stage": stage, **inputs}, sort_keys=True, separators=(",", ":"))


def seal(description: str, content: str, seconds: str) -> str:
    """SHA-256 over everything an entry says."""
    return hashlib.sha256(f"{description}\n{content}\n{seconds}".encode()).hexdigest()


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b"")
    return digest.hexdigest()


def image_digest(image: Any) -> str:
    """SHA-256 of an image's size and pixels (H×W×3 uint8)."""
    digest = hashlib.sha256(str(image.shape).encode())
    digest.update(image.tobytes())
    return digest.hexdigest()
