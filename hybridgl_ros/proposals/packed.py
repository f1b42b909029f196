"""A mask as bits of its box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridgl_ros.proposals.masks import corners


@dataclass(frozen=True)
class PackedMask:
    """size: H, W of the picture; box: XYXY of the first and last column and row, zeros for an empty mask; bits: of the
    pixels in the box, row by row."""

    size: tuple[int, int]
    box: tuple[int, int, int, int]
    bits: np.ndarray
    area: int

    @classmethod
    def of(cls, mask: np.ndarray, size: tuple[int, int] | None = None) -> PackedMask:
        """Of an H×W bool mask, or of the upper left part of one of this size outside which there is nothing."""
        box = corners(mask)
        part = mask[box[1] : box[3] + 1, box[0] : box[2] + 1]
        return cls(size or mask.shape, box, np.packbits(part), int(np.count_nonzero(part)))

    def part(self) -> np.ndarray:
        """The pixels in the box, h×w bool."""
        left, top, right, bottom = self.box
        shape = (bottom - top + 1, right - left + 1)
        return np.unpackbits(self.bits, count=shape[0] * shape[1]).view(bool).reshape(shape)

    def draw(self, canvas: np.ndarray) -> np.ndarray:
        """Fill an H×W bool canvas with the mask."""
        left, top, right, bottom = self.box
        canvas[:] = False
        canvas[top : bottom + 1, left : right + 1] = self.part()
        return canvas

    def overlap(self, other: PackedMask) -> float:
        """Intersection over union; 0 when nothing is common."""
        left, top = (max(self.box[i], other.box[i]) for i in (0, 1))
        right, bottom = (min(self.box[i], other.box[i]) + 1 for i in (2, 3))
        if right <= left or bottom <= top:
            return 0.0
        parts = (
            mask.part()[top - mask.box[1] : bottom - mask.box[1], left - mask.box[0] : right - mask.box[0]]
            for mask in (self, other)
        )
        common = int(np.count_nonzero(np.logical_and(*parts)))
        return common / (self.area + other.area - common) if common else 0.0
