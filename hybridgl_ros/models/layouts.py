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
    """open_clip's names for the weights of a Hugging Face CLIPModel, and of an `open_clip.CustomTextCLIP`, whose text
    tower is apart; others are returned as they are."""
    if "text.token_embedding.weight" in state:
        return {name.removeprefix("text."): value for name, value in state.items()}
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


def rename(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    """The name after every rule, in order."""
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name
