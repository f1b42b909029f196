"""Which of open_clip's models can be used, by their configuration, and why the others cannot.

The method fuses an image's tokens into a class token, block by block, and compares that with the end of a text: it
wants a vision transformer whose feature is its class token's, and a text tower that looks backwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.models.clip_weights import PLAIN
from hybridgl_ros.models.parts import folder_of

# They say where the text tower's weights are, and how training began.
HARMLESS = ("custom_text", "init_logit_scale", "init_logit_bias")
POOLED = {
    "map": "its image feature is attention over all tokens, not a class token's",
    "avg": "its image feature is the mean of all tokens, not a class token's",
}
EVA, POST_NORM = re.compile(r"eva(02)?_"), re.compile(r"eva02_enormous_")
SCALES = ("scale_heads", "scale_attn_inner", "scale_attn", "scale_fc")
OWN_BLOCKS = ("block_type", "qk_norm", "scaled_cosine_attn", *SCALES)


def clip_config(architecture: str) -> dict[str, Any]:
    """Arguments of `open_clip.CLIP`: read from a JSON file, or open_clip's own by model name.

    Raises ConfigError for an unknown model and for one that cannot be used, with the reason.
    """
    if architecture.endswith(".json"):
        try:
            config = json.loads(Path(architecture).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"CLIP architecture {architecture}: not readable: {error}") from error
    else:
        config = known_config(architecture)
    reason = refusal(config)
    if reason:
        raise ConfigError(f"{architecture} cannot be used: {reason}")
    return {key: value for key, value in config.items() if key not in HARMLESS}


def known_config(architecture: str) -> dict[str, Any]:
    """What open_clip knows of a model by its name. Raises ConfigError when that is nothing."""
    files = {file.stem: file for file in (folder_of("open_clip") / "model_configs").glob("*.json")}
    if architecture not in files:
        raise ConfigError(f"open_clip knows no model {architecture!r}")
    return json.loads(files[architecture].read_text(encoding="utf-8"))


def refusal(config: Mapping[str, Any]) -> str:
    """Why a model of this configuration cannot be used; empty where it can.

    A ResNet is left to what loads it: there are methods for it, but not this one.
    """
    if not isinstance(config, Mapping) or not all(
        isinstance(config.get(part), Mapping) for part in ("vision_cfg", "text_cfg")
    ):
        return "it names no vision_cfg and text_cfg"
    unknown = [key for key in config if key not in (*PLAIN, *HARMLESS)]
    if unknown:
        return f"it is no plain CLIP (it has {', '.join(unknown)})"
    return refused_vision(config["vision_cfg"]) or refused_text(config["text_cfg"])


def refused_vision(vision: Mapping[str, Any]) -> str:
    """The same of an image tower."""
    timm = vision.get("timm_model_name")
    pool = vision.get("timm_pool", "avg") if timm else vision.get("pool_type", "tok")
    if vision.get("attentional_pool"):
        pool = "map"
    if pool in POOLED:
        return POOLED[pool] + (f" (timm's {timm})" if timm else "")
    if timm:
        return refused_timm(timm, pool)
    if pool != "tok":
        return f"its image feature is not a class token's (pool_type {pool})"
    return own_blocks("image", vision)


def refused_timm(name: str, pool: str) -> str:
    """The same of a tower of timm's: of all of them only EVA is known."""
    if POST_NORM.match(name):
        return f"the blocks of its image tower norm what they add, not what they read (timm's {name})"
    if not EVA.match(name) or pool != "token":
        return f"its image tower is timm's {name}, not a transformer of open_clip's own blocks"
    return ""


def refused_text(text: Mapping[str, Any]) -> str:
    """The same of a text tower."""
    for key, what in (("hf_model_name", "text tower"), ("hf_tokenizer_name", "tokenizer")):
        if text.get(key):
            return f"its {what} is {text[key]} of Hugging Face, not CLIP's own"
    if text.get("no_causal_mask"):
        return "its text tower looks forwards"
    pool = text.get("pool_type", "argmax")
    if text.get("embed_cls") or pool not in ("argmax", "eos"):
        return "its text feature is not that of the end of the text" + ("" if text.get("embed_cls") else f" ({pool})")
    return own_blocks("text", text)


def own_blocks(tower: str, config: Mapping[str, Any]) -> str:
    """A reason where blocks are not open_clip's usual ones."""
    chosen = [key for key in OWN_BLOCKS if config.get(key) not in (None, False, "default")]
    return f"the blocks of its {tower} tower are of another kind ({', '.join(chosen)})" if chosen else ""
