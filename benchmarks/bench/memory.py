"""Row 11: the resident memory of the node with models of true size, against the layout with two CLIPs."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import open_clip
import torch
import yaml
from safetensors.torch import save_file

from hybridgl_ros.models.loading import SAM_BUILDERS, clip_config

from .processes import Child
from .rows import Row

CLIP = "ViT-B-16-quickgelu"
SAM = "vit_b"


def rows(device: str, quick: bool) -> Iterator[Row]:
    """The node after an answer; beside it a process with SAM, two CLIPs and spaCy that has only loaded them."""
    with tempfile.TemporaryDirectory() as name:
        registry = {"HYBRIDGL_REGISTRY": str(seeded(Path(name)))}
        held = {}
        for layout in ("torch", "node", "two"):
            child = Child("resident", layout, environment=registry)
            held[layout] = child.ask()["bytes"] / 1e6
            child.close()
    ours, theirs = held["node"] - held["torch"], held["two"] - held["torch"]
    yield Row(
        11,
        "resident memory of the whole node above torch, SAM ViT-B, CLIP ViT-B/16",
        "SAM, two CLIPs, spaCy",
        ours,
        theirs,
        "MB",
        ratio=ours / theirs,
        goal="≤ 0.75×",
        equal=None,
        reached=ours / theirs <= 0.75,
    )


def seeded(folder: Path) -> Path:
    """A registry of random weights of true size."""
    torch.manual_seed(0)
    models = {"sam_seeded": ("sam", SAM, SAM_BUILDERS[SAM]()), "clip_seeded": ("clip", CLIP, clip())}
    entries = {}
    for name, (kind, architecture, model) in models.items():
        file = folder / f"{name}.safetensors"
        save_file({key: value.contiguous() for key, value in model.state_dict().items()}, file)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        entries[name] = {"kind": kind, "architecture": architecture, "file": str(file), "sha256": digest}
    registry = folder / "registry.yaml"
    registry.write_text(yaml.safe_dump(entries), encoding="utf-8")
    return registry


def clip() -> open_clip.CLIP:
    return open_clip.CLIP(**clip_config(CLIP))
