"""From the cross-attention of a diffusion model to a map of the picture, and the noise that it is read under."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

TIMES = 1000
FIRST_NOISE, LAST_NOISE = 0.00085, 0.0120
"""Of Stable Diffusion 1: its training's steps, and the noise of the first and the last one."""
CELL = 32
"""Pixels of the input that a place of the attention stands for, each way: 8 of the latent picture times 4."""


@dataclass(frozen=True)
class Schedule:
    """DDIM (Song et al., ICLR 2021) over evenly spread times, without noise of its own.

    times: of training, ascending. kept: share of the picture's power that is left at each; before: at the one before.
    """

    times: list[int]
    kept: Tensor
    before: Tensor

    @classmethod
    def of(cls, steps: int) -> Schedule:
        noise = torch.linspace(FIRST_NOISE**0.5, LAST_NOISE**0.5, TIMES, dtype=torch.float64) ** 2
        kept = torch.cumprod(1 - noise, dim=0).float()
        times = [time + 1 for time in range(0, TIMES, TIMES // steps)]
        chosen = kept[times]
        return cls(times, chosen, torch.cat([kept[:1], chosen[:-1]]))

    def noised(self, latent: Tensor, noise: Tensor, step: int) -> Tensor:
        """A latent picture with the noise of a step."""
        return self.kept[step].sqrt() * latent + (1 - self.kept[step]).sqrt() * noise

    def undone(self, latent: Tensor, predicted: Tensor, step: int) -> Tensor:
        """The latent picture one step earlier, by the noise that is predicted in it."""
        clean = (latent - (1 - self.kept[step]).sqrt() * predicted) / self.kept[step].sqrt()
        return self.before[step].sqrt() * clean + (1 - self.before[step]).sqrt() * predicted


Predict = Callable[[Tensor, int], tuple[Tensor, list[Tensor]]]
"""(noised latent 1×4×h×w, time) → noise without and with the text 2×4×h×w, and from each layer at the wanted size its
similarities without and with the text, 2×L×77, the mean over the heads, before any softmax."""


def similarities(
    latent: Tensor, noise: Tensor, predict: Predict, steps: int, strength: float, guidance: float
) -> list[Tensor]:
    """Those of every layer at every step that is undone, 2×L×77 each."""
    schedule, start = Schedule.of(steps), int(strength * steps)
    # As published: noised for one step more than are undone.
    found, current = [], schedule.noised(latent, noise, start)
    for step in range(start - 1, -1, -1):
        (without, with_text), layers = predict(current, schedule.times[step])
        found += layers
        current = schedule.undone(current, without + guidance * (with_text - without), step)
    return found


def heat(layers: Sequence[Tensor], token: int, guidance: float) -> np.ndarray:
    """Where a token of the text lies, s×s float64 in [0, 1]: each layer's guided similarities stretched, averaged."""
    maps = []
    for without, with_text in layers:
        side = round(len(without) ** 0.5)
        guided = (without + guidance * (with_text - without))[:, token].view(side, side).cpu().numpy()
        maps.append((guided - guided.min()) / max(guided.max() - guided.min(), np.finfo(np.float32).tiny))
    return np.asarray(np.mean(maps, axis=0, dtype=np.float64))


def over_image(small: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map of the padded square → H×W float64 in [0, 1]. size: (H, W)."""
    height, width = size
    square = max(size)
    levels = Image.fromarray((small * 255).astype(np.uint8))
    whole = np.asarray(levels.resize((square, square), Image.Resampling.LANCZOS)) / 255
    top, left = (square - height) // 2, (square - width) // 2
    cut = whole[top : top + height, left : left + width]
    return (cut - cut.min()) / (cut.max() - cut.min() + 1e-8)


def square_picture(image: np.ndarray, side: int) -> Tensor:
    """The image on a black square, resized: 1×3×side×side float32 in [−1, 1]."""
    height, width = image.shape[:2]
    square = max(height, width)
    background = Image.new("RGB", (square, square))
    background.paste(Image.fromarray(image), ((square - width) // 2, (square - height) // 2))
    pixels = np.array(background.resize((side, side), Image.Resampling.LANCZOS), np.float32) / 255
    return torch.from_numpy(2 * pixels - 1).permute(2, 0, 1)[None].contiguous()
