"""Write the small SAM's weights as they ship: half precision, safetensors, gzip."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import torch
from safetensors.torch import save
from segment_anything.modeling import Sam


def save_weights(sam: Sam, path: Path) -> None:
    """Write ``sam`` to ``path``, which appears only when complete; the same weights give the same bytes."""
    tensors = {name: tensor.to(torch.float16).contiguous() for name, tensor in sam.state_dict().items()}
    part = path.with_name(path.name + ".part")
    part.write_bytes(gzip.compress(save(tensors), compresslevel=9, mtime=0))
    os.replace(part, path)
