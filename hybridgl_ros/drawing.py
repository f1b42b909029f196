"""Pictures for people: an answer drawn over its image, image files in and out."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from hybridgl_ros.errors import ImageError
from hybridgl_ros.memory import check_room
from hybridgl_ros.pixels import to_rgb

if TYPE_CHECKING:
    from hybridgl_ros.types import Answer

REFERENT = (255, 64, 160)
RUNNER_UP = (255, 200, 60)
BACKGROUND = 0.5
# Captions on anything narrower are not readable.
CAPTION_WIDTH = 80
CAPTION_PADDING = 3
# Bytes a pixel while a file is read: decoded, turned, and as an array.
READ_PIXEL = 12


def read_image(path: str | Path) -> np.ndarray:
    """A picture file as H×W×3 uint8 RGB, turned upright. Raises ImageError when it is none or too big for memory."""
    try:
        with warnings.catch_warnings():
            # Big pictures are fine as long as they fit, which is checked before anything of them is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                width, height = picture.size
                check_room(READ_PIXEL * width * height, (height, width), "reading")
                return rgb_of(ImageOps.exif_transpose(picture))
    except Image.DecompressionBombError as error:
        raise ImageError(f"{path}: {bomb_text()}") from error
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    except (OSError, UnidentifiedImageError, ValueError, MemoryError) as error:
        raise ImageError(f"{path}: not readable as a picture: {error}") from error


def bomb_text() -> str:
    """Why Pillow refuses a picture; its limit is a guard against files that claim more than they hold."""
    limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
    return f"more than {limit:.0f} million pixels are not read: scale the picture down"


def rgb_of(picture: Image.Image) -> np.ndarray:
    """An opened picture as H×W×3 uint8 RGB; 16-bit grey is scaled from its full range.

    Raises ValueError for single channels without a range of their own (32-bit integers, floats).
    """
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.array(picture)
        if picture.mode == "F" or values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
            raise ValueError("it has neither 8 nor 16 bits a pixel")
        return to_rgb(values.astype(np.uint16), "mono16")
    return np.array(picture.convert("RGB"))


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Save H×W×3 RGB, H×W grey (both uint8) or H×W bool in the format of the file's suffix.

    Raises OSError naming the file.
    """
    try:
        Image.fromarray(image.astype(np.uint8) * 255 if image.dtype == bool else image).save(path)
    except OSError as error:
        # Pillow's own names no file when the disk is full.
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def draw_answer(image: np.ndarray, answer: Answer) -> np.ndarray:
    """The answer over its image, both H×W×3 uint8 RGB.

    The referent keeps its own colours and is outlined, with its box; the runner-up is outlined thinly; the rest is
    darkened.
    The caption gives the expression and the score, or why nothing was found.
    """
    canvas = image.copy()
    if answer.found:
        canvas = darken_around(image, answer.mask)
        width = max(1, round(max(image.shape[:2]) / 300))
        if len(answer.candidates) > 1:
            outline(canvas, answer.candidates[1].mask, RUNNER_UP, width)
        outline(canvas, answer.mask, REFERENT, 2 * width)
        x, y, w, h = (round(value) for value in answer.candidates[0].box)
        cv2.rectangle(canvas, (x, y), (x + w, y + h), (255, 255, 255), width)
    return caption(canvas, f"{answer.parse.text.strip()} · {verdict(answer)}")


def darken_around(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The H×W×3 uint8 RGB image, darkened but inside an H×W bool mask, where its colours stay as they are."""
    shades = (np.arange(256) * BACKGROUND).round().astype(np.uint8)
    return np.where(mask[..., None], image, shades[image])


def verdict(answer: Answer) -> str:
    """The score of what was found, or the reason why nothing was."""
    return f"{answer.score:.3f}" if answer.found else answer.reason or "not found"


def outline(canvas: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int], width: int) -> None:
    """Draw the borders of an H×W bool mask in place."""
    borders, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, borders, -1, colour, width)


def caption(image: np.ndarray, text: str) -> np.ndarray:
    """The image with one line of text on a dark bar at its lower edge, shortened to fit."""
    height, width = image.shape[:2]
    size = max(10, height // 24)
    bar = size + 2 * CAPTION_PADDING
    if width < CAPTION_WIDTH or height < 2 * bar:
        return image
    font = load_font(size)
    text = " ".join(text.split())
    room = width - 2 * CAPTION_PADDING
    if font.getlength(text) > room:
        kept = len(text[:width])
        while kept and font.getlength(text[:kept] + "…") > room:
            kept -= 1
        text = text[:kept] + "…"
    result = image.copy()
    result[-bar:] //= 4
    picture = Image.fromarray(result)
    position = (CAPTION_PADDING, height - bar + CAPTION_PADDING - size // 8)
    ImageDraw.Draw(picture).text(position, text, font=font, fill=(255, 255, 255))
    return np.array(picture)


@lru_cache(maxsize=8)
def load_font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and knows most alphabets."""
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
