"""Deterministic weights for the golden files of methods with other networks than CLIP: the same numbers everywhere.

Every entry of a state dict is drawn from NumPy's PCG64, seeded by (1, crc32(name)), and scaled by its shape.
"""

import math
import zlib
from collections.abc import Iterable

import numpy as np
import torch


def seeded_tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The float32 tensor that the golden files were recorded with, for one entry of the state dict."""
    values = np.random.default_rng([1, zlib.crc32(name.encode())]).standard_normal(shape, dtype=np.float32)
    if len(shape) < 2:
        values = 1 + 0.1 * values if name.endswith("weight") else 0.05 * values
    elif "embed" in name and "time" not in name:
        values = 0.5 * values
    else:
        values = values / math.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(values, dtype=np.float32)).reshape(shape)


def seeded_state(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> dict[str, torch.Tensor]:
    """A state dict of names and shapes."""
    return {name: seeded_tensor(name, tuple(shape)) for name, shape in shapes}
