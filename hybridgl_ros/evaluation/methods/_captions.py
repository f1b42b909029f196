"""BLIP-2 (Li et al., ICML 2023) with OPT through `transformers` (`pip install 'hybridgl-ros[tas]'`): captions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import open_clip
import torch
from PIL import Image
from torch import Tensor

from hybridgl_ros.errors import WeightsError
from hybridgl_ros.models.cache import checked_weights
from hybridgl_ros.models.loading import find_device
from hybridgl_ros.models.registry import find_checkpoint
from hybridgl_ros.models.repository import sums_digest


class Blip2Captioner:
    """model: a `Blip2ForConditionalGeneration` in evaluation mode. tokenizer: turns its tokens into text. checksum: of
    the weights. beams, tokens: how a caption is searched, and how long it is at most."""

    def __init__(self, model: Any, tokenizer: Any, checksum: str, beams: int, tokens: int) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._beams, self._tokens = beams, tokens
        self.checksum = checksum

    def captions(self, pictures: Sequence[Image.Image]) -> list[str]:
        """One sentence a picture, one picture at a time."""
        return [self._caption(picture) for picture in pictures]

    def _caption(self, picture: Image.Image) -> str:
        side = self._model.config.vision_config.image_size
        pixels = squashed(picture, side).to(self._model.device, self._model.dtype)
        with torch.inference_mode():
            tokens = self._model.generate(
                pixel_values=pixels, num_beams=self._beams, max_new_tokens=self._tokens, do_sample=False
            )
        (text,) = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return text.strip()


def squashed(picture: Image.Image, side: int) -> Tensor:
    """The picture squashed to a square (bicubic), 1×3×side×side float32 under CLIP's statistics."""
    resized = np.array(picture.resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255
    mean, std = np.float32(open_clip.OPENAI_DATASET_MEAN), np.float32(open_clip.OPENAI_DATASET_STD)
    return torch.from_numpy((resized - mean) / std).permute(2, 0, 1)[None]


@lru_cache(maxsize=1)
def load_captioner(name: str, device: str, beams: int, tokens: int) -> Blip2Captioner:
    """The captioner of a registry name; half precision on a GPU. Raises ConfigError and WeightsError as `load_clip`."""
    from transformers import AutoTokenizer, Blip2ForConditionalGeneration

    target = find_device(device)
    sums = checked_weights(find_checkpoint(name, "captioner"))
    dtype = torch.float32 if target.type == "cpu" else torch.float16
    given: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "dtype": dtype}
    try:
        model: Any = Blip2ForConditionalGeneration.from_pretrained(sums.parent, **given)
        tokenizer = AutoTokenizer.from_pretrained(sums.parent, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{sums.parent}: not readable as BLIP-2: {error}") from error
    return Blip2Captioner(model.eval().to(target), tokenizer, sums_digest(sums), beams, tokens)
