"""Writing the small CLIP as the file the package ships, with its card."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import open_clip
import torch
from clip_text import COLOUR_NAMES, POSE_NAMES, SHADE_NAMES, SHAPE_NAMES, SIZE_NAMES, CompactTokenizer
from safetensors.torch import save

NAME = "clip_tabletop"


def export(
    model: open_clip.CLIP,
    state: dict[str, torch.Tensor],
    tokenizer: CompactTokenizer,
    folder: Path,
    facts: dict[str, Any],
) -> Path:
    """Write ``clip_tabletop.safetensors.gz`` (fp16) and ``clip_tabletop.json`` into ``folder``, each atomically.

    Args:
        model: gives the names and the vocabulary size of the state dict.
        state: trained weights: ``model.*`` and ``text.rows``.
        tokenizer: knows which token each learnt row belongs to.
        facts: what the card says of this training beside the fixed entries.
    """
    weights = {name: state[f"model.{name}"].half().contiguous() for name in model.state_dict()}
    table = tokenizer.expand(state["text.rows"], model.token_embedding.weight.shape[0])
    weights["token_embedding.weight"] = table.half().contiguous()
    packed = gzip.compress(save(weights), compresslevel=9, mtime=0)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.safetensors.gz"
    card = card_of(packed, facts)
    _replace(path, packed)
    _replace(folder / f"{NAME}.json", (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    return path


def card_of(packed: bytes, facts: dict[str, Any]) -> dict[str, Any]:
    """The model card: what the file is, what it was trained on and how, and what it reaches."""
    return {
        "name": NAME,
        "file": f"{NAME}.safetensors.gz",
        "size": len(packed),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "licence": "Apache-2.0",
        "text": "Small CLIP for the simulated tabletop; not for photographs. "
        "Words that its training texts lack have a zero embedding, which it passes over.",
        "architecture": {
            "class": "open_clip.CLIP",
            "config": "hybridgl_ros/models/embedded_clip.json",
            "dtype": "float16",
        },
        "pixels": {
            "mean": open_clip.OPENAI_DATASET_MEAN,
            "std": open_clip.OPENAI_DATASET_STD,
            "size": [224, 224],
        },
        "context_length": 32,
        "knows": {
            "shapes": SHAPE_NAMES,
            "colours": COLOUR_NAMES,
            "sizes": SIZE_NAMES,
            "shades": SHADE_NAMES,
            "poses": POSE_NAMES,
            "words": "config/language/tabletop_words.yaml",
        },
        **facts,
    }


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)
