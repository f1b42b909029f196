"""Stable Diffusion 1 through `diffusers` (`pip install 'hybridgl-ros[refdiff]'`): what attends to which word."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridgl_ros.models.cache import checked_weights
from hybridgl_ros.models.loading import find_device, load_weights
from hybridgl_ros.models.registry import Checkpoint, find_checkpoint
from hybridgl_ros.models.state import read_part

CONTEXT = 77
END = 49407
LATENT_SCALE = 0.18215
TEXT_PREFIX = "text_model."
PARTS = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.")
"""What the file holds beside averages of its training."""


class StableDiffusion:
    """Denoiser, image encoder and text encoder of `diffusers` and `transformers`, in evaluation mode."""

    def __init__(self, unet: Any, autoencoder: Any, text: Any) -> None:
        self._unet, self._autoencoder, self._text = unet, autoencoder, text
        self._recorder = Recorder()
        unet.set_attn_processor(self._recorder)
        self._tokenize = open_clip.SimpleTokenizer(context_length=CONTEXT)

    @property
    def device(self) -> torch.device:
        return next(self._unet.parameters()).device

    def latent(self, picture: Tensor, generator: torch.Generator) -> Tensor:
        """1×3×S×S in [−1, 1] → a sample of its latent pictures, 1×4×S/8×S/8."""
        with torch.no_grad():
            spread = self._autoencoder.encode(picture.to(self.device)).latent_dist
        noise = torch.randn(spread.mean.shape, generator=generator).to(self.device)
        return LATENT_SCALE * (spread.mean + spread.std * noise)

    def text_states(self, texts: Sequence[str]) -> Tensor:
        """T×77×width: the last layer's, of texts filled up with the end-of-text token."""
        tokens = self._tokenize(list(texts))
        for row in tokens:
            row[int(row.argmax()) + 1 :] = END
        with torch.no_grad():
            return self._text(input_ids=tokens.to(self.device)).last_hidden_state

    def predict(self, latent: Tensor, time: int, states: Tensor, places: int) -> tuple[Tensor, list[Tensor]]:
        """As `Predict`. states: without and with the text, 2×77×width. places: L of the wanted layers."""
        with self._recorder.of(places) as layers, torch.no_grad():
            noise = self._unet(torch.cat([latent, latent]), time, encoder_hidden_states=states).sample
        return noise[:, None], layers


class Recorder:
    """Computes every attention of a denoiser, and keeps the similarities with the words in layers of one size."""

    def __init__(self) -> None:
        self._places = 0
        self._found: list[Tensor] = []

    def of(self, places: int) -> Recorder:
        """Record what `with` surrounds."""
        self._places = places
        return self

    def __enter__(self) -> list[Tensor]:
        self._found = []
        return self._found

    def __exit__(self, *error: object) -> None:
        self._places = 0

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **rest: Any
    ) -> Tensor:
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            layer(tokens).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for layer, tokens in ((attn.to_q, hidden_states), (attn.to_k, context), (attn.to_v, context))
        )
        if encoder_hidden_states is not None and query.shape[2] == self._places:
            self._found.append((query @ key.transpose(-1, -2) * attn.scale).mean(dim=1).float())
        mixed = F.scaled_dot_product_attention(query, key, value, scale=attn.scale)
        return attn.to_out[0](mixed.transpose(1, 2).flatten(2))


@lru_cache(maxsize=1)
def load_diffusion(name: str, device: str) -> StableDiffusion:
    """The diffusion model of a registry name. Raises ConfigError and WeightsError as `load_clip`."""
    checkpoint, target = find_checkpoint(name, "diffusion"), find_device(device)
    config = json.loads(Path(checkpoint.architecture).read_text(encoding="utf-8"))
    return build_diffusion(config, read_part(checked_weights(checkpoint), PARTS), checkpoint, target)


def build_diffusion(
    config: Mapping[str, Any], state: dict[str, Tensor], checkpoint: Checkpoint, device: torch.device
) -> StableDiffusion:
    """Networks of a configuration with weights in the authors' own layout (one file, LDM's names).

    config: arguments of the three networks, by `unet`, `vae` and `text`. Raises WeightsError where weights do not fit.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.loaders.single_file_utils import (
        convert_ldm_clip_checkpoint,
        convert_ldm_unet_checkpoint,
        convert_ldm_vae_checkpoint,
    )
    from transformers import CLIPTextConfig, CLIPTextModel

    # Their types hide that they are torch's modules.
    unet: Any
    autoencoder: Any
    text: Any
    unet, autoencoder = UNet2DConditionModel(**config["unet"]), AutoencoderKL(**config["vae"])
    load_weights(unet, convert_ldm_unet_checkpoint(state, unet.config), checkpoint)
    encoder_only(autoencoder)
    encoding = convert_ldm_vae_checkpoint(state, autoencoder.config)
    load_weights(autoencoder, {k: v for k, v in encoding.items() if k in autoencoder.state_dict()}, checkpoint)
    text = CLIPTextModel(CLIPTextConfig(**config["text"]))
    load_weights(text, renamed(convert_ldm_clip_checkpoint(state), text), checkpoint)
    return StableDiffusion(*(network.requires_grad_(False).eval().to(device) for network in (unet, autoencoder, text)))


def encoder_only(autoencoder: Any) -> None:
    """Pictures are read, none is made."""
    autoencoder.decoder, autoencoder.post_quant_conv = nn.Identity(), nn.Identity()


def renamed(state: Mapping[str, Tensor], text: nn.Module) -> dict[str, Tensor]:
    """A text encoder's weights under the names of this version of `transformers`, without what it computes itself."""
    wanted = text.state_dict()
    short = {name.removeprefix(TEXT_PREFIX): value for name, value in state.items()}
    found = {name: short[name.removeprefix(TEXT_PREFIX)] for name in wanted if name.removeprefix(TEXT_PREFIX) in short}
    return found | {name: value for name, value in wanted.items() if name.endswith("position_ids")}
