"""How a picture lies in the square that a SAM sees.

SAM keeps a picture's aspect and pads its shorter side (`ResizeLongestSide`, `Sam.preprocess`); SAM 2 squashes it to the
square (`SAM2Transforms`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hybridgl_ros.errors import ImageError
from hybridgl_ros.proposals.upscaling import Upscaling

if TYPE_CHECKING:
    from segment_anything.modeling import Sam


@dataclass(frozen=True)
class Frame:
    """side: of the square, in pixels. squashes: whether a picture fills it, whatever its aspect."""

    side: int
    squashes: bool

    @classmethod
    def of(cls, sam: Sam) -> Frame:
        """The one that a SAM was trained with."""
        return cls(sam.image_encoder.img_size, getattr(sam.image_encoder, "squashes", False))

    def seen(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) that a picture of this size has there; raises ImageError when nothing is left of one side."""
        if self.squashes:
            return self.side, self.side
        scale = self.side / max(size)
        height, width = (int(side * scale + 0.5) for side in size)
        if not (height and width):
            raise ImageError(f"a {size[1]}×{size[0]} picture is too narrow: SAM sees it at {width}×{height} pixels")
        return height, width

    def resized(self, image: np.ndarray, device: torch.device) -> Tensor:
        """1×3×h×w pixels in 0–255 of an H×W×3 uint8 RGB image, before they are padded; errors as of `seen`."""
        height, width = self.seen((image.shape[0], image.shape[1]))
        if not self.squashes:
            image = np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
            return torch.as_tensor(image, device=device).permute(2, 0, 1)[None]
        channels = torch.as_tensor(image, device=device).permute(2, 0, 1)
        # One after the other: floats of a large picture take a lot.
        return torch.cat([squashed(channel, (height, width)) for channel in channels], dim=1)

    def points(self, grid: np.ndarray, size: tuple[int, int], device: torch.device) -> Tensor:
        """P×2 points of a picture, x and y as shares of its width and height → float64 pixels of the square."""
        # In pixels of the picture first, as the generator does: the last digits of the scaled points depend on it.
        pixels = grid * np.array(size)[::-1]
        scaled = pixels * (np.array(self.seen(size)) / np.array(size))[::-1]
        return torch.as_tensor(scaled.copy(), device=device)

    def upscaling(self, logits: tuple[int, int], size: tuple[int, int]) -> Upscaling:
        """From the decoder's logits of (height, width) to a picture of this size."""
        if self.squashes:
            return Upscaling(logits, logits, logits, size)
        return Upscaling(logits, (self.side, self.side), self.seen(size), size)


def squashed(channel: Tensor, size: tuple[int, int]) -> Tensor:
    """1×1×h×w float32 of an H×W channel, bilinear and antialiased, as torchvision resizes a tensor."""
    return F.interpolate(channel.float()[None, None], size, mode="bilinear", antialias=True, align_corners=False)
