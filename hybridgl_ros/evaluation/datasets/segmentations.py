"""Masks as COCO writes them: polygons, run-length codes (RLE), compressed run-length codes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pycocotools import mask as coco

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.pictures import Size, spell

COORDINATE_LIMIT = 1e5
"""Pixels; pycocotools walks along the edges, however long they are."""


def decode_segmentation(segmentation: Any, size: Size, entry: str, *, overlaps: bool = True) -> NDArray[np.bool_]:
    """H×W bool of COCO's three ways to write a mask: a list of polygons, plain RLE, compressed RLE.

    overlaps: whether what several polygons cover belongs to the mask; see `decode_polygons`.
    Raises DatasetError, naming the entry, when it is none of these, damaged, or an RLE of another size.
    """
    if isinstance(segmentation, list):
        return decode_polygons(segmentation, size, entry, overlaps=overlaps)
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= set(segmentation):
        raise DatasetError(f"{entry}: neither polygons nor an RLE with size and counts")
    check_rle_size(segmentation["size"], size, entry)
    counts = segmentation["counts"]
    try:
        # pycocotools leaves memory as it was where runs are missing.
        check_runs(counts if isinstance(counts, list) else runs_of(counts), size)
        return coco.decode(coco.frPyObjects(segmentation, *size) if isinstance(counts, list) else segmentation) != 0
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{entry}: damaged RLE ({error})") from error


def check_rle_size(written: Any, size: Size, entry: str) -> None:
    """Raise DatasetError when an RLE's size is not that of its image."""
    if not isinstance(written, (list, tuple)) or [type(side) for side in written] != [int, int]:
        raise DatasetError(f"{entry}: damaged RLE (its size is {written!r}, not [height, width])")
    if tuple(written) != tuple(size):
        raise DatasetError(f"{entry}: mask is {spell(written)}, its image {spell(size)}")


def check_runs(runs: list[Any], size: Size) -> None:
    """Raise ValueError unless the runs are counts that add up to the picture."""
    if not all(type(run) is int and run >= 0 for run in runs):
        raise ValueError("a run is not a whole number from 0 on")
    if sum(runs) != size[0] * size[1]:
        raise ValueError(f"its runs cover {sum(runs)} pixels, the image has {size[0] * size[1]}")


def runs_of(text: str | bytes) -> list[int]:
    """The runs of a compressed RLE. Raises ValueError when it is not one, TypeError when it is no text.

    A character holds five bits of a number, from "0" on, the lowest first; a sixth says that more follow; the last
    bit is the sign. From the fourth run on, numbers are differences to the run before last (COCO's maskApi).
    """
    runs: list[int] = []
    value = bits = 0
    if not isinstance(text, (str, bytes)):
        raise TypeError("neither a list of runs nor a text")
    for byte in text.encode() if isinstance(text, str) else text:
        code = byte - ord("0")
        if not 0 <= code < 64:
            raise ValueError(f"character {chr(byte)!r} belongs to no number")
        value |= (code & 31) << bits
        bits += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << bits
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = bits = 0
    if bits:
        raise ValueError("it ends within a number")
    return runs


def decode_polygons(polygons: list[Any], size: Size, entry: str, *, overlaps: bool = True) -> NDArray[np.bool_]:
    """H×W bool of polygons, each [x0, y0, x1, y1, …] in pixels, filled the way COCO fills them.

    Fewer than three points cover nothing. overlaps: united as COCO does it; otherwise what more than one of them
    covers is left out.
    """
    try:
        # pycocotools would take four numbers for a box.
        areas = [checked_coordinates(polygon) for polygon in polygons if len(polygon) >= 6]
        if any(len(polygon) % 2 for polygon in areas):
            raise ValueError("an odd count of coordinates")
        if not areas:
            return np.zeros(size, dtype=bool)
        covered = coco.decode(coco.frPyObjects(areas, *size)).sum(axis=2)
        return covered > 0 if overlaps else covered == 1
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{entry}: damaged polygons ({error})") from error


def draw_polygons(polygons: list[list[float]], size: Size, entry: str) -> NDArray[np.bool_]:
    """H×W bool union of polygons, each [x0, y0, x1, y1, …] in pixels, drawn the way PhraseCut draws them.

    Corners are cut to whole pixels and the outline belongs to the area; two points are a line, one is nothing.
    Source: polygons_to_mask of PhraseCutDataset's utils/data_transfer.py.
    """
    try:
        canvas = Image.new("L", (size[1], size[0]))
        for polygon in polygons:
            if len(polygon) >= 4:
                corners = [int(value) for value in checked_coordinates(polygon)]
                ImageDraw.Draw(canvas).polygon(list(zip(corners[::2], corners[1::2])), outline=1, fill=1)
        return np.array(canvas) > 0
    except (ValueError, TypeError) as error:
        raise DatasetError(f"{entry}: damaged polygons ({error})") from error


def checked_coordinates(polygon: list[Any]) -> list[float]:
    """The coordinates as numbers. Raises ValueError when one of them cannot be near a picture."""
    values = [float(value) for value in polygon]
    if not all(math.isfinite(value) and abs(value) <= COORDINATE_LIMIT for value in values):
        raise ValueError("a coordinate that is no pixel")
    return values


def encode_rle(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask (H×W bool) as compressed COCO RLE that JSON can hold."""
    rle = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}
