"""State dicts as people have them: wrapped by training code, or in the names of Hugging Face's transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

# Entries of a training checkpoint that hold its weights, the more usual first.
WRAPPERS = ("state_dict", "model_state_dict", "model", "ema", "ema_state_dict", "model_ema", "module", "shadow")
# Names that wrappers (DataParallel, Lightning, torch.compile, training code) put before those of the model.
PREFIX = re.compile(r"^((module|model|clip_model|sam_model|_orig_mod)\.)+")

CLIP_NAMES = (
    (r"^text_model\.embeddings\.token_embedding\.", "token_embedding."),
    (r"^text_model\.embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^text_model\.encoder\.layers\.", "transformer.resblocks."),
    (r"^text_model\.final_layer_norm\.", "ln_final."),
    (r"^vision_model\.embeddings\.class_embedding$", "visual.class_embedding"),
    (r"^vision_model\.embeddings\.patch_embedding\.", "visual.conv1."),
    (r"^vision_model\.embeddings\.position_embedding\.weight$", "visual.positional_embedding"),
    (r"^vision_model\.pre_layrnorm\.", "visual.ln_pre."),
    (r"^vision_model\.encoder\.layers\.", "visual.transformer.resblocks."),
    (r"^vision_model\.post_layernorm\.", "visual.ln_post."),
    (r"\.self_attn\.", ".attn."),
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
)
CLIP_TRANSPOSED = {"text_projection.weight": "text_projection", "visual_projection.weight": "visual.proj"}
SAM_NAMES = (
    (r"^vision_encoder\.", "image_encoder."),
    (r"^image_encoder\.layers\.", "image_encoder.blocks."),
    (r"\.patch_embed\.projection\.", ".patch_embed.proj."),
    (r"\.neck\.conv1\.", ".neck.0."),
    (r"\.neck\.layer_norm1\.", ".neck.1."),
    (r"\.neck\.conv2\.", ".neck.2."),
    (r"\.neck\.layer_norm2\.", ".neck.3."),
    (r"\.mask_embed\.conv1\.", ".mask_downscaling.0."),
    (r"\.mask_embed\.layer_norm1\.", ".mask_downscaling.1."),
    (r"\.mask_embed\.conv2\.", ".mask_downscaling.3."),
    (r"\.mask_embed\.layer_norm2\.", ".mask_downscaling.4."),
    (r"\.mask_embed\.conv3\.", ".mask_downscaling.6."),
    (r"\.point_embed\.", ".point_embeddings."),
    (r"^prompt_encoder\.shared_embedding\.positional_embedding$", "shared_image_embedding.positional_embedding"),
    (
        r"^shared_image_embedding\.positional_embedding$",
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    (r"\.upscale_conv1\.", ".output_upscaling.0."),
    (r"\.upscale_layer_norm\.", ".output_upscaling.1."),
    (r"\.upscale_conv2\.", ".output_upscaling.3."),
    (r"\.layer_norm", ".norm"),
)
# Their small networks have names of their own for the first and the last layer.
SAM_MLP = re.compile(r"^(.*(?:iou_prediction_head|output_hypernetworks_mlps\.\d+))\.(proj_in|proj_out|layers\.\d+)\.")


def unwrapped(content: Any) -> dict[str, Tensor]:
    """The state dict in a saved object, without what training code puts around it and before its names.

    Raises ValueError when there is none, or two values of one name.
    """
    while isinstance(content, Mapping) and not is_state_dict(content):
        content = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
    if not isinstance(content, Mapping):
        raise ValueError(f"holds no state dict, neither itself nor under {', '.join(WRAPPERS)}")
    state = {PREFIX.sub("", str(name)): value for name, value in content.items()}
    if len(state) < len(content):
        raise ValueError("holds several values of one name, with and without a prefix")
    return state


def is_state_dict(content: Mapping[Any, Any]) -> bool:
    return bool(content) and all(isinstance(value, Tensor) for value in content.values())


def native_clip(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """open_clip's names for the weights of a Hugging Face CLIPModel; others are returned as they are."""
    if "vision_model.embeddings.class_embedding" not in state:
        return state
    renamed = {}
    for name, value in state.items():
        if name in CLIP_TRANSPOSED:
            renamed[CLIP_TRANSPOSED[name]] = value.T.contiguous()
        elif not name.endswith(".position_ids"):  # a row of numbers that older versions stored
            renamed[rename(name, CLIP_NAMES)] = value
    for name in [name for name in renamed if ".attn.q_proj." in name]:
        parts = [name.replace(".q_proj.", f".{part}_proj.") for part in "qkv"]
        if all(part in renamed for part in parts):
            renamed[name.replace(".q_proj.", ".in_proj_")] = torch.cat([renamed.pop(part) for part in parts])
    return renamed


def native_sam(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """segment_anything's names for the weights of a Hugging Face SamModel; others are returned as they are."""
    if "vision_encoder.pos_embed" not in state:
        return state
    inner: dict[str, int] = {}
    for name in state:
        if match := SAM_MLP.match(name):
            inner[match[1]] = inner.get(match[1], 0) + (match[2].startswith("layers.") and name.endswith(".weight"))

    def mlp_layer(match: re.Match[str]) -> str:
        network, layer = match[1], match[2]
        place = {"proj_in": 0, "proj_out": inner[network] + 1}
        number = place[layer] if layer in place else int(layer.removeprefix("layers.")) + 1
        return f"{network}.layers.{number}."

    return {rename(SAM_MLP.sub(mlp_layer, name), SAM_NAMES): value for name, value in state.items()}


def rename(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    """The name after every rule, in order."""
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name
