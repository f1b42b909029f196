"""SAM's mask logits at the size of the picture, and what is certain of them before they are brought there.

SAM upscales logits bilinearly twice (to its input, then to the picture; `Sam.postprocess_masks`). Every pixel is a
weighted mean of the few small logits around it, and so lies between their least and their greatest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

# Small logits along one axis that any pixel depends on, at most three, and one more for rounding.
TAPS = 4
# Side (px) of SAM's input up to which bounds are taken there.
SMALL = 512
# Rounding of a weighted mean, as a share of the greatest logit.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Upscaling:
    """From h×w logits to an H×W picture. `input_size`: (height, width) of the picture as SAM sees it."""

    sam: Sam
    logits: tuple[int, int]
    input_size: tuple[int, int]
    size: tuple[int, int]

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Where bounds are taken: on the decoder's logits, or on SAM's input, which is tighter, where that is small."""
        side = self.sam.image_encoder.img_size
        return (side, side) if side <= SMALL else self.logits

    @cached_property
    def first_taps(self) -> tuple[np.ndarray, np.ndarray]:
        """The first of TAPS small rows, or columns, that each row and column of the picture depends on."""
        side = self.sam.image_encoder.img_size
        rows, columns = (
            first_taps(small, side, seen, final) for small, seen, final in zip(self.grid, self.input_size, self.size)
        )
        return rows, columns

    @cached_property
    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """How many rows, and columns, of the picture begin at each small one."""
        rows, columns = (np.bincount(taps, minlength=n) for taps, n in zip(self.first_taps, self.grid))
        return rows.astype(np.float64), columns.astype(np.float64)

    def enlarge(self, logits: Tensor) -> np.ndarray:
        """The H×W float32 logits that SAM makes of h×w ones."""
        return self.sam.postprocess_masks(logits[None, None], self.input_size, self.size)[0, 0].cpu().numpy()

    def bounds(self, logits: Tensor) -> Bounds:
        """What is certain of h×w logits."""
        if self.grid != self.logits:
            logits = F.interpolate(logits[None, None], self.grid, mode="bilinear", align_corners=False)[0, 0]
        return Bounds.of(self, logits.float().cpu().numpy())


def first_taps(small: int, side: int, seen: int, final: int) -> np.ndarray:
    """For each of `final` pixels the first of `small` logits that it depends on, for `seen` of `side` on SAM's grid."""
    middle = np.maximum((np.arange(final) + 0.5) * (seen / final) - 0.5 - 1e-3, 0)
    lower = np.floor(middle)
    return np.floor(np.maximum((lower + 0.5) * (small / side) - 0.5 - 1e-6, 0)).astype(np.int64)


@dataclass(frozen=True)
class Bounds:
    """The least and the greatest of the TAPS × TAPS small logits from each on, and how much rounding may add."""

    upscaling: Upscaling
    least: np.ndarray
    greatest: np.ndarray
    rounding: float

    @classmethod
    def of(cls, upscaling: Upscaling, logits: np.ndarray) -> Bounds:
        rounding = ROUNDING * max(float(np.abs(logits).max()), 1.0)
        return cls(upscaling, pooled(logits, np.minimum), pooled(logits, np.maximum), rounding)

    def end(self, level: float) -> tuple[int, int]:
        """How many rows and columns there are up to the last with a pixel that may be above the level; at least 1."""
        box = self.corners(self.greatest > level - self.rounding)
        return (1, 1) if box is None else (int(box[3]) + 1, int(box[2]) + 1)

    def boxes(self, level: float) -> tuple[np.ndarray, np.ndarray] | None:
        """XYXY corners of a box that surely lies within that of the mask above the level, and of one around it.

        None when nothing is sure to be above.
        """
        inner = self.corners(self.least > level + self.rounding)
        outer = self.corners(self.greatest > level - self.rounding)
        return None if inner is None or outer is None else (inner, outer)

    def corners(self, small: np.ndarray) -> np.ndarray | None:
        (rows, columns), (begin_rows, begin_columns) = self.upscaling.first_taps, self.upscaling.counts
        down = np.flatnonzero(np.logical_or.reduce(small[:, begin_columns > 0], axis=1)[rows])
        across = np.flatnonzero(np.logical_or.reduce(small[begin_rows > 0], axis=0)[columns])
        return np.array([across[0], down[0], across[-1], down[-1]], float) if len(down) and len(across) else None

    def stability_at_most(self, threshold: float, offset: float) -> float:
        """An upper bound of `calculate_stability_score`; infinite when nothing is sure to be in the union."""
        rows, columns = self.upscaling.counts
        most = rows @ (self.greatest > threshold + offset - self.rounding) @ columns
        least = rows @ (self.least > threshold - offset + self.rounding) @ columns
        return most / least if least else float("inf")


def pooled(logits: np.ndarray, join: np.ufunc) -> np.ndarray:
    """Least or greatest of the TAPS × TAPS values from each on, fewer at the end."""
    for axis in (0, 1):
        width = 1
        while width < TAPS:
            logits = logits.swapaxes(0, axis)
            joined = logits.copy()
            join(logits[:-width], logits[width:], out=joined[:-width])
            logits = joined.swapaxes(0, axis)
            width *= 2
    return logits
