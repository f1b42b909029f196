"""Deterministic weights for the golden files of SAM 2 and MobileSAM: the same numbers everywhere."""

from __future__ import annotations

import json

import torch
from seeded_diffusion import seeded_tensor


def seeded_sam_state(shapes: str) -> dict[str, torch.Tensor]:
    """A state dict of names and shapes, which are JSON."""
    return {name: seeded_value(name, tuple(shape)) for name, shape in json.loads(shapes)}


def seeded_value(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    if name.endswith("running_var"):
        # Near 1, as a scale is.
        return seeded_tensor(f"{name}.weight", shape).abs()
    return seeded_tensor(name, shape)
