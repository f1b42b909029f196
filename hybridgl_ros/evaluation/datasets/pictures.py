"""Pictures and masks as data sets store them, read into arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco

from hybridgl_ros.errors import DatasetError

Size = tuple[int, int]
"""(H, W) in pixels."""


def read_rgb(path: Path, entry: str, size: Size | None = None) -> NDArray[np.uint8]:
    """H×W×3 uint8 RGB of a picture file. entry: what needs it, for the message.

    Raises DatasetError when it is missing, damaged, or of another size than the annotations say.
    """
    try:
        with Image.open(path) as picture:
            pixels = np.array(picture.convert("RGB"))
    except FileNotFoundError as error:
        raise DatasetError(f"{entry}: image {path} is missing") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise DatasetError(f"{entry}: image {path} cannot be read ({error})") from error
    if size is not None and pixels.shape[:2] != size:
        raise DatasetError(f"{entry}: image {path} is {spell(pixels.shape)}, its annotations are for {spell(size)}")
    return pixels


def picture_size(path: Path, entry: str) -> Size:
    """(H, W) from the file's header alone. Raises DatasetError when it is missing or no picture."""
    try:
        with Image.open(path) as picture:
            return picture.height, picture.width
    except FileNotFoundError as error:
        raise DatasetError(f"{entry}: image {path} is missing") from error
    except (OSError, SyntaxError) as error:
        raise DatasetError(f"{entry}: image {path} cannot be read ({error})") from error


def read_mask(path: Path, entry: str) -> NDArray[np.bool_]:
    """H×W bool of a one-channel or palette picture, True where the stored value is not 0."""
    try:
        with Image.open(path) as picture:
            values = np.array(picture if picture.mode == "P" else picture.convert("L"))
    except FileNotFoundError as error:
        raise DatasetError(f"{entry}: mask {path} is missing") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise DatasetError(f"{entry}: mask {path} cannot be read ({error})") from error
    return values != 0


def decode_segmentation(segmentation: Any, size: Size, entry: str) -> NDArray[np.bool_]:
    """H×W bool of COCO's three ways to write a mask: a list of polygons (united), plain RLE, compressed RLE.

    Raises DatasetError when it is none of these or an RLE is of another size.
    """
    if isinstance(segmentation, list):
        return decode_polygons(segmentation, size, entry)
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= set(segmentation):
        raise DatasetError(f"{entry}: neither polygons nor an RLE with size and counts")
    if list(segmentation["size"]) != list(size):
        raise DatasetError(f"{entry}: mask is {spell(segmentation['size'])}, its image {spell(size)}")
    try:
        counts = segmentation["counts"]
        rle = coco.frPyObjects(segmentation, *size) if isinstance(counts, list) else segmentation
        if int(coco.area(rle)) > size[0] * size[1]:
            raise ValueError("more pixels than the image has")
        return coco.decode(rle).astype(bool)
    except (ValueError, TypeError, AttributeError) as error:
        raise DatasetError(f"{entry}: damaged RLE ({error})") from error


def decode_polygons(polygons: list[Any], size: Size, entry: str) -> NDArray[np.bool_]:
    """H×W bool union of polygons, each [x0, y0, x1, y1, …] in pixels; those of fewer than three points cover
    nothing."""
    try:
        # pycocotools would take four numbers for a box.
        areas = [[float(value) for value in polygon] for polygon in polygons if len(polygon) >= 6]
        if any(len(polygon) % 2 for polygon in areas):
            raise ValueError("an odd count of coordinates")
        if not areas:
            return np.zeros(size, dtype=bool)
        return coco.decode(coco.merge(coco.frPyObjects(areas, *size))).astype(bool)
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{entry}: damaged polygons ({error})") from error


def write_png(pixels: NDArray[Any], path: Path) -> None:
    """Write H×W or H×W×3 uint8 pixels; a bool mask becomes 0 and 255."""
    Image.fromarray(np.where(pixels, np.uint8(255), np.uint8(0)) if pixels.dtype == bool else pixels).save(path)


def encode_rle(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask (H×W bool) as compressed COCO RLE that JSON can hold."""
    rle = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def spell(size: Any) -> str:
    """A size (H, W) for messages, the way people say it: width×height."""
    return f"{size[1]}×{size[0]}"
