"""What the camera shows and what is right to answer: known of every picture, by the number that its stamp carries."""

from __future__ import annotations

from typing import Any

import numpy as np

WIDTH, HEIGHT = 640, 480
BLOCK_WIDTH, BLOCK_HEIGHT = 80, 60
MILLISECOND = 1_000_000
NUMBERS = MILLISECOND
FOCAL = 525.0
TABLE_MM, BLOCK_MM = 1200, 1100
RED, GREEN, BLUE = range(3)


def stamped(clock: int, number: int) -> tuple[int, int]:
    """Seconds and nanoseconds of a clock (ns, cut to milliseconds) with the number of a picture below them.

    However the clock jumps, the number tells which picture it was.
    """
    return divmod(clock // MILLISECOND * MILLISECOND + number % NUMBERS, 1_000_000_000)


def number_of(stamp: Any) -> int:
    """The number of the picture with this stamp (builtin_interfaces/Time)."""
    return int(stamp.nanosec) % NUMBERS


class Blocks:
    """A red block and a blue one, elsewhere in every picture, nothing green; made for the fake segmenter.

    Every expression names one colour.
    """

    expressions = ("the red block", "the blue block", "the green block")
    size = (HEIGHT, WIDTH)

    def places(self, number: int) -> dict[int, tuple[int, int]]:
        """Colour → column and row of its block in a picture."""
        column = number * 37 % (WIDTH - BLOCK_WIDTH)
        return {
            RED: (column, number * 7 % (HEIGHT // 2 - BLOCK_HEIGHT)),
            BLUE: (WIDTH - BLOCK_WIDTH - column, HEIGHT // 2 + number * 11 % (HEIGHT // 2 - BLOCK_HEIGHT)),
        }

    def picture(self, number: int) -> np.ndarray:
        """H×W×3 uint8 RGB."""
        pixels = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        for colour, (column, row) in self.places(number).items():
            pixels[row : row + BLOCK_HEIGHT, column : column + BLOCK_WIDTH, colour] = 255
        return pixels

    def depth(self, number: int) -> np.ndarray:
        """H×W uint16 millimetres."""
        depth = np.full((HEIGHT, WIDTH), TABLE_MM, np.uint16)
        for column, row in self.places(number).values():
            depth[row : row + BLOCK_HEIGHT, column : column + BLOCK_WIDTH] = BLOCK_MM
        return depth

    def error(self, number: int, expression: str, first: Any) -> str:
        """What is wrong with the first object (ReferredObject) of an answer; empty when it is right."""
        colour = next(colour for colour, name in enumerate(("red", "green", "blue")) if name in expression)
        place = self.places(number).get(colour)
        if (place is not None) != first.found:
            return f"picture {number}, {expression!r}: found is {first.found}"
        roi = first.roi
        said = (roi.x_offset, roi.y_offset, roi.width, roi.height)
        right = (*place, BLOCK_WIDTH, BLOCK_HEIGHT) if place else (0, 0, 0, 0)
        return "" if said == right else f"picture {number}, {expression!r}: at {said}, not {right}"

    @property
    def intrinsics(self) -> np.ndarray:
        """3×3."""
        return np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1.0]])
