"""Picture and mask files as data sets store them, read into arrays."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hybridgl_ros.drawing import rgb_of
from hybridgl_ros.errors import DatasetError

LOGGER = logging.getLogger(__name__)
Size = tuple[int, int]
"""(H, W) in pixels."""


@contextmanager
def opened(path: Path, entry: str, kind: str) -> Iterator[Image.Image]:
    """A picture file. entry: what needs it; kind: image or mask, for the message.

    Raises DatasetError when it is missing, damaged, or too large to be one, also while it is used.
    """
    try:
        with Image.open(path) as picture:
            yield picture
    except FileNotFoundError as error:
        raise DatasetError(f"{entry}: {kind} {path} is missing") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{entry}: {kind} {path} cannot be read ({error})") from error


def read_rgb(path: Path, entry: str, size: Size | None = None, *, resize: bool = False) -> NDArray[np.uint8]:
    """H×W×3 uint8 RGB of a picture file as it is stored: annotations do not follow an EXIF orientation.

    size: what the annotations are for; resize: bring a picture of another size to it, and log that.
    Raises DatasetError as `opened`, or when it is of another size and stays so.
    """
    with opened(path, entry, "image") as picture:
        pixels = rgb_of(picture)
    if size is None or pixels.shape[:2] == size:
        return pixels
    text = f"{entry}: image {path} is {spell(pixels.shape)}, its annotations are for {spell(size)}"
    if not resize:
        raise DatasetError(text)
    LOGGER.warning("%s; it is resized", text)
    return np.asarray(cv2.resize(pixels, (size[1], size[0])), np.uint8)


def picture_size(path: Path, entry: str) -> Size:
    """(H, W) from the file's header alone. Raises DatasetError as `opened`."""
    with opened(path, entry, "image") as picture:
        return picture.height, picture.width


def read_mask(path: Path, entry: str) -> NDArray[np.bool_]:
    """H×W bool of a mask file, True where any stored value but the opacity is not 0 (palette: the index)."""
    with opened(path, entry, "mask") as picture:
        values = np.array(picture)
        has_opacity = picture.mode in ("LA", "RGBA", "PA")
    if values.ndim == 3:
        values = values[..., :-1] if has_opacity else values
        return (values != 0).any(axis=2)
    return values != 0


def write_png(pixels: NDArray[Any], path: Path) -> None:
    """Write H×W or H×W×3 uint8 pixels; a bool mask becomes 0 and 255."""
    Image.fromarray(np.where(pixels, np.uint8(255), np.uint8(0)) if pixels.dtype == bool else pixels).save(path)


def spell(size: Any) -> str:
    """A size (H, W) for messages, the way people say it: width×height."""
    return f"{size[1]}×{size[0]}"
