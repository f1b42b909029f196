"""SAM's mask logits at the size of the picture, and what is certain of them before they are brought there.

SAM upscales logits bilinearly twice (to its input, then to the picture; `Sam.postprocess_masks`), SAM 2 once. Every
pixel is a weighted mean of the few small logits around it, and so lies between their least and their greatest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch.nn.functional as F
from torch import Tensor

from hybridgl_ros.proposals.duplicates import Box

# Small logits along one axis that any pixel depends on, at most three, and one more for rounding.
TAPS = 4
SQUARE = np.ones((TAPS, TAPS), np.uint8)
# Side (px) of SAM's input up to which bounds are taken there.
SMALL = 512
# Rounding of a weighted mean, as a share of the greatest logit.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Upscaling:
    """From h×w logits to an H×W picture.

    square: the size that logits are brought to first; theirs where they are not. input_size: (height, width) of the
    picture there.
    """

    logits: tuple[int, int]
    square: tuple[int, int]
    input_size: tuple[int, int]
    size: tuple[int, int]

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Where bounds are taken: on the decoder's logits, or on SAM's input, which is tighter, where that is small."""
        return self.square if max(self.square) <= SMALL else self.logits

    @cached_property
    def first_taps(self) -> tuple[np.ndarray, np.ndarray]:
        """The first of TAPS small rows, or columns, that each row and column of the picture depends on."""
        rows, columns = map(first_taps, self.grid, self.square, self.input_size, self.size)
        return rows, columns

    @cached_property
    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """How many rows, and columns, of the picture begin at each small one."""
        rows, columns = (np.bincount(taps, minlength=n) for taps, n in zip(self.first_taps, self.grid))
        return rows.astype(np.float64), columns.astype(np.float64)

    @cached_property
    def begins(self) -> tuple[list[int], list[int]]:
        """The first row, and column, of the picture that begins at each small one or after it; their ends at last."""
        rows, columns = (
            np.searchsorted(taps, np.arange(n + 1)).tolist() for taps, n in zip(self.first_taps, self.grid)
        )
        return rows, columns

    @cached_property
    def ends(self) -> tuple[int, int]:
        """How many small rows and columns there are up to the last that any pixel depends on."""
        rows, columns = (int(taps[-1]) + TAPS for taps in self.first_taps)
        return rows, columns

    @cached_property
    def used(self) -> np.ndarray:
        """At which small rows and columns any pixel begins, h×w uint8."""
        rows, columns = self.counts
        return np.outer(rows > 0, columns > 0).astype(np.uint8)

    def enlarge(self, logits: Tensor) -> Tensor:
        """The H×W float32 logits that SAM makes of h×w ones."""
        larger = logits[None, None]
        if self.square != self.logits:
            larger = F.interpolate(larger, self.square, mode="bilinear", align_corners=False)
        larger = larger[..., : self.input_size[0], : self.input_size[1]]
        return F.interpolate(larger, self.size, mode="bilinear", align_corners=False)[0, 0]

    def bounds(self, small: np.ndarray) -> Bounds:
        """What is certain of h×w float32 logits."""
        rounding = ROUNDING * max(float(np.abs(small).max()), 1.0)
        if self.grid != self.logits:
            small = cv2.resize(small, self.grid[::-1], interpolation=cv2.INTER_LINEAR)
        return Bounds(self, small, rounding)


def first_taps(small: int, side: int, seen: int, final: int) -> np.ndarray:
    """For each of `final` pixels the first of `small` logits that it depends on, for `seen` of `side` on SAM's grid."""
    middle = np.maximum((np.arange(final) + 0.5) * (seen / final) - 0.5 - 1e-3, 0)
    lower = np.floor(middle)
    return np.floor(np.maximum((lower + 0.5) * (small / side) - 0.5 - 1e-6, 0)).astype(np.int64)


@dataclass(frozen=True)
class Bounds:
    """What is certain of the mask above a level, from small logits and how much rounding may add to them."""

    upscaling: Upscaling
    small: np.ndarray
    rounding: float

    def inside(self, level: float) -> np.ndarray:
        """Where all the TAPS × TAPS small logits from each on, fewer at the end, are above the level, h×w uint8."""
        return cv2.erode((self.small > level + self.rounding).view(np.uint8), SQUARE, anchor=(0, 0))

    def around(self, level: float) -> np.ndarray:
        """Where any of them may be."""
        return cv2.dilate(self.possible(level), SQUARE, anchor=(0, 0))

    def possible(self, level: float) -> np.ndarray:
        """Which small logits may be above the level, h×w uint8."""
        return (self.small > level - self.rounding).view(np.uint8)

    def end(self, level: float) -> tuple[int, int]:
        """How many rows and columns there are up to the last with a pixel that may be above the level; at least 1."""
        box = self.corners(self.around(level))
        return (1, 1) if box is None else (box[3] + 1, box[2] + 1)

    def boxes(self, level: float) -> tuple[Box, Box] | None:
        """XYXY corners of a box that surely lies within that of the mask above the level, and of one around it.

        None when nothing is sure to be above.
        """
        inner = self.corners(self.inside(level))
        return None if inner is None else (inner, self.extent(level))

    def extent(self, level: float) -> Box:
        """XYXY of a box around all of the picture that may be above the level, of which there must be something."""
        rows, columns = self.upscaling.begins
        # What lies below and right of the picture is not seen, but for what its last pixels depend on.
        seen = self.possible(level)[: self.upscaling.ends[0], : self.upscaling.ends[1]]
        left, top, width, height = cv2.boundingRect(seen)
        first = columns[max(left - TAPS + 1, 0)], rows[max(top - TAPS + 1, 0)]
        return *first, columns[min(left + width, len(columns) - 1)] - 1, rows[min(top + height, len(rows) - 1)] - 1

    def corners(self, small: np.ndarray) -> Box | None:
        """XYXY of the first and last row and column of the picture that begin at any that is set."""
        left, top, width, height = cv2.boundingRect(small & self.upscaling.used)
        if not width:
            return None
        rows, columns = self.upscaling.begins
        return columns[left], rows[top], columns[left + width] - 1, rows[top + height] - 1

    def stability_at_most(self, threshold: float, offset: float) -> float:
        """An upper bound of `calculate_stability_score`; infinite when nothing is sure to be in the union."""
        rows, columns = self.upscaling.counts
        most = rows @ self.around(threshold + offset).astype(np.float64) @ columns
        least = rows @ self.inside(threshold - offset).astype(np.float64) @ columns
        return most / least if least else float("inf")
