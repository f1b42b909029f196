"""Pictures of a proposal as other methods show them to CLIP and to a captioner."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image


def input_picture(picture: Image.Image, side: int) -> Image.Image:
    """As CLIP's own preprocessing: the shorter side resized (bicubic), the middle cut out."""
    width, height = picture.size
    short = min(width, height)
    resized = picture.resize((width * side // short, height * side // short), Image.Resampling.BICUBIC)
    left, top = round((resized.width - side) / 2), round((resized.height - side) / 2)
    return resized.crop((left, top, left + side, top + side))


def on_black(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """H×W×3 uint8: the image inside a mask, black outside."""
    return image * mask[..., None]


def on_blur(image: np.ndarray, mask: np.ndarray, kernel: int) -> np.ndarray:
    """H×W×3 uint8: the image inside a mask, its blur outside. kernel: side of the blur, odd."""
    return np.where(mask[..., None], image, cv2.GaussianBlur(image, (kernel, kernel), 0))


def square_crop(picture: np.ndarray, box: np.ndarray) -> Image.Image:
    """A box XYWH (w = x_max − x_min, so without its last row and column) cut out, made square with black."""
    x, y, width, height = (int(value) for value in box)
    crop = picture[y : y + max(height, 1), x : x + max(width, 1)]
    across, down = max(height - width, 0) // 2, max(width - height, 0) // 2
    return Image.fromarray(np.pad(crop, ((down, down), (across, across), (0, 0))))
