"""Our containers of weights against open_clip's own models."""

from __future__ import annotations

import open_clip
import pytest
import torch
from torch import nn

from hybridgl_ros.models.clip_weights import ClipWeights, is_plain
from hybridgl_ros.models.loading import clip_config
from hybridgl_ros.models.unfilled import unfilled

PLAIN = ["ViT-B-32-quickgelu", "ViT-B-16", "ViT-L-14-336", "ViT-H-14"]


def shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in model.state_dict().items()}


@pytest.mark.parametrize("architecture", PLAIN)
def test_names_shapes_and_sizes_are_those_of_open_clip(architecture):
    config = clip_config(architecture)
    assert is_plain(config)
    with unfilled():
        ours, theirs = ClipWeights(**config), open_clip.CLIP(**config)
    assert shapes(ours) == shapes(theirs)
    assert not any(value.is_floating_point() and value.device.type != "meta" for value in ours.parameters())
    for name in ("image_size", "patch_size", "grid_size"):
        assert getattr(ours.visual, name) == getattr(theirs.visual, name)
    for name in ("context_length", "vocab_size", "text_pool_type"):
        assert getattr(ours, name) == getattr(theirs, name)
    for our, their in zip((ours, ours.visual), (theirs, theirs.visual), strict=True):
        one, other = our.transformer.resblocks[0], their.transformer.resblocks[0]
        assert one.attn.num_heads == other.attn.num_heads
        assert type(one.mlp.gelu).__name__ == type(other.mlp.gelu).__name__


@pytest.mark.parametrize("architecture", ["RN50-quickgelu", "EVA02-B-16", "MobileCLIP-S1", "ViT-B-32-plus-256"])
def test_models_of_other_kinds_are_left_to_open_clip(architecture):
    config = open_clip.get_model_config(architecture)
    extras = {"timm_model_name"} & set(config["vision_cfg"]) or isinstance(config["vision_cfg"]["layers"], list)
    assert is_plain(config) == (not extras)
