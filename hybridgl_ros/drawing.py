"""Pictures for people: an answer drawn over its image, image files in and out."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from hybridgl_ros.errors import ImageError
from hybridgl_ros.memory import check_room
from hybridgl_ros.models.parts import folder_of
from hybridgl_ros.pixels import to_rgb
from hybridgl_ros.presentation import reading

if TYPE_CHECKING:
    from hybridgl_ros.types import Answer, Candidate

REFERENT = (255, 64, 160)
RUNNER_UP = (255, 200, 60)
LANDMARK = (90, 200, 255)
BACKGROUND = 0.5
# Captions on anything narrower are not readable.
CAPTION_WIDTH = 80
CAPTION_PADDING = 3
# Bytes a pixel while a file is read: decoded, turned, and as an array.
READ_PIXEL = 12
JPEG_QUALITY = 85


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

    The referents keep their own colours and are outlined, each with its box; landmarks and the runner-up are outlined
    thinly; the rest is darkened; followed objects have their numbers. The caption gives the expression, then the score,
    or why nothing was found, and how the expression was read.
    """
    canvas = image.copy()
    if answer.found:
        canvas = darken_around(image, answer.mask)
        width = max(1, round(max(image.shape[:2]) / 300))
        for entry in runners_up(answer)[:1]:
            outline(canvas, entry.mask, RUNNER_UP, width)
        for entry in answer.landmarks:
            outline(canvas, entry.mask, LANDMARK, width)
        for entry in answer.objects:
            outline(canvas, entry.mask, REFERENT, 2 * width)
            x, y, w, h = (round(value) for value in entry.box)
            cv2.rectangle(canvas, (x, y), (x + w, y + h), (255, 255, 255), width)
        if answer.tracking is not None:
            canvas = with_numbers(canvas, answer)
    return caption(canvas, answer.parse.text, f"{verdict(answer)} · {reading(answer)}")


def with_numbers(image: np.ndarray, answer: Answer) -> np.ndarray:
    """The image with the numbers of followed objects, each at the upper left corner of its box."""
    picture = Image.fromarray(image)
    font = load_font(max(10, image.shape[0] // 20))
    for entry, number in zip(answer.objects, answer.tracking.ids if answer.tracking else (), strict=False):
        place = entry.box[0] + CAPTION_PADDING, entry.box[1] + CAPTION_PADDING
        ImageDraw.Draw(picture).text(place, str(number), font=font, fill=(255, 255, 255), stroke_width=1, stroke_fill=0)
    return np.array(picture)


def runners_up(answer: Answer) -> tuple[Candidate, ...]:
    """The candidates that are no referents, best first."""
    referents = {entry.index for entry in answer.objects}
    return tuple(entry for entry in answer.candidates if entry.index not in referents)


def darken_around(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The H×W×3 uint8 RGB image, darkened but inside an H×W bool mask, where its colours stay as they are."""
    shades = (np.arange(256) * BACKGROUND).round().astype(np.uint8)
    return np.where(mask[..., None], image, shades[image])


def verdict(answer: Answer) -> str:
    """The score of what was found, or the reason why nothing was."""
    if not answer.found:
        return answer.reason or "not found"
    several = f"{len(answer.objects)} found, " if len(answer.objects) > 1 else ""
    return f"{several}{'p ' if answer.query is not None else ''}{answer.score:.3f}"


def outline(canvas: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int], width: int) -> None:
    """Draw the borders of an H×W bool mask in place."""
    borders, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, borders, -1, colour, width)


def caption(image: np.ndarray, *lines: str) -> np.ndarray:
    """The image with lines of text on a dark bar at its lower edge, each shortened to fit.

    A low picture has as many of them as half of it holds.
    """
    height, width = image.shape[:2]
    size = max(10, height // 24)
    step = size + CAPTION_PADDING
    kept = lines[: (height // 2 - CAPTION_PADDING) // step]
    if width < CAPTION_WIDTH or not kept:
        return image
    bar = len(kept) * step + CAPTION_PADDING
    result = image.copy()
    result[-bar:] //= 4
    picture = Image.fromarray(result)
    write_lines(picture, kept, height - bar + CAPTION_PADDING, size)
    return np.array(picture)


def caption_below(image: np.ndarray, *lines: str) -> np.ndarray:
    """The image with a dark bar of text lines added below it, each shortened to fit."""
    height, width = image.shape[:2]
    size = max(10, height // 18)
    step = size + CAPTION_PADDING
    picture = Image.new("RGB", (width, height + len(lines) * step + 2 * CAPTION_PADDING))
    picture.paste(Image.fromarray(image))
    write_lines(picture, lines, height + CAPTION_PADDING, size)
    return np.array(picture)


def write_lines(picture: Image.Image, lines: Sequence[str], top: int, size: int) -> None:
    """Draw text lines of a font size from a row of the picture on, in place."""
    font = load_font(size)
    for number, line in enumerate(lines):
        position = (CAPTION_PADDING, top - size // 8 + number * (size + CAPTION_PADDING))
        shown = shortened(line, font, picture.width - 2 * CAPTION_PADDING)
        ImageDraw.Draw(picture).text(position, shown, font=font, fill=(255, 255, 255))


def shortened(text: str, font: ImageFont.FreeTypeFont, room: int) -> str:
    """The text on one line, cut visibly where it is wider than `room` pixels."""
    text = " ".join(text.split())
    if font.getlength(text) <= room:
        return text
    kept = len(text[:room])
    while kept and font.getlength(text[:kept] + "…") > room:
        kept -= 1
    return text[:kept] + "…"


def data_uri(image: np.ndarray, width: int) -> str:
    """A picture (H×W×3 uint8 RGB) as a JPEG that a page can hold; no wider than `width` pixels."""
    if image.shape[1] > width:
        size = (width, max(1, round(image.shape[0] * width / image.shape[1])))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@lru_cache(maxsize=8)
def load_font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and knows most alphabets."""
    return ImageFont.truetype(str(font_file()), size)


def font_file() -> Path:
    """The file, without a tenth of a second for importing matplotlib where that keeps its files beside it."""
    name = Path("fonts", "ttf", "DejaVuSans.ttf")
    beside = folder_of("matplotlib") / "mpl-data" / name
    if beside.is_file():
        return beside
    import matplotlib

    return Path(matplotlib.get_data_path(), name)
