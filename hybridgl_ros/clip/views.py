"""The pictures that CLIP sees of each mask (§3.2): local, blurred global, and the baselines' others."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.memory import pieces
from hybridgl_ros.settings import FeatureSettings


class Views:
    """Makes normalised network inputs N×3×S×S from one image and any of its masks.

    Every picture but `cropped` is full frame, so that the token grids of all pictures line up.
    """

    def __init__(self, clip: ClipEncoder, image: np.ndarray, settings: FeatureSettings) -> None:
        self._settings = settings
        self._size = clip.input_size
        self._grid = clip.grid
        self._device = clip.device
        kernel = (settings.blur_kernel, settings.blur_kernel)
        blurred = cv2.GaussianBlur(image, kernel, 0)
        self._sharp = self._normalised(clip, image)
        self._blurred = self._normalised(clip, blurred)
        self._fill = torch.tensor(settings.local_fill, device=self._device).view(3, 1, 1)

    def _normalised(self, clip: ClipEncoder, image: np.ndarray) -> Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(image)).to(self._device).permute(2, 0, 1)
        return clip.normalise(pixels, self._settings.statistics)

    def _resize(self, pictures: Tensor) -> Tensor:
        return F.interpolate(
            pictures,
            size=(self._size, self._size),
            mode="bilinear",
            align_corners=False,
            antialias=self._settings.antialias,
        )

    def _composed(self, masks: Tensor, outside: Tensor) -> Tensor:
        """The image inside each mask and another picture outside, resized; a few at a time."""
        picture_bytes = self._sharp.numel() * self._sharp.element_size()
        composed = [
            self._resize(torch.where(masks[piece, None], self._sharp, outside))
            for piece in pieces(len(masks), picture_bytes)
        ]
        return torch.cat(composed)

    def local(self, masks: Tensor) -> Tensor:
        """The image inside the mask, a constant fill outside. masks: N×H×W bool."""
        return self._composed(masks, self._fill)

    def blurred(self, masks: Tensor) -> Tensor:
        """The image inside the mask, its blur outside."""
        return self._composed(masks, self._blurred)

    def whole(self) -> Tensor:
        """The untouched image, 1×3×S×S."""
        return self._resize(self._sharp[None])

    def cropped(self, masks: Tensor) -> Tensor:
        """The local picture cut to the mask's bounding box and squashed to the input size (Yu et al. 2023)."""
        crops = []
        for mask in masks:
            rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
            box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
            crop = torch.where(mask[box], self._sharp[:, box[0], box[1]], self._fill)
            crops.append(self._resize(crop[None]))
        return torch.cat(crops)

    def coverage(self, masks: Tensor) -> Tensor:
        """Token mask B of Eq. 1, N×K float32 in [0, 1]: 1 where the mask covers any pixel of the patch, or the
        bilinearly resized mask."""
        mask_bytes = masks[0].numel() * torch.float32.itemsize
        return torch.cat([self._covered(masks[piece, None].float()) for piece in pieces(len(masks), mask_bytes)])

    def _covered(self, masks: Tensor) -> Tensor:
        if self._settings.token_coverage == "any":
            covered = F.adaptive_max_pool2d(masks, self._grid)
        else:
            covered = F.interpolate(masks, size=self._grid, mode="bilinear", align_corners=False)
        return covered.flatten(1)
