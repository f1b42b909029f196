"""Scenes of the simulated tabletop for the embedded models: right is what the library says of the picture, alone."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from hybridgl_ros.tabletop.dataset import TabletopSet, validation_path

SCENES = 4
PICTURES_A_SCENE = 60


class Tabletop:
    """Each scene is shown for two seconds."""

    expressions = ("the red cube", "the ball on the left", "the blue mug")

    def __init__(self) -> None:
        scenes = TabletopSet(validation_path())
        self._scenes = [scenes[index] for index in range(SCENES)]

    def _scene(self, number: int) -> Any:
        return self._scenes[number // PICTURES_A_SCENE % SCENES]

    def picture(self, number: int) -> np.ndarray:
        """H×W×3 uint8 RGB."""
        return self._scene(number).image

    def depth(self, number: int) -> np.ndarray:
        """H×W float32 metres."""
        return self._scene(number).depth.astype(np.float32)

    def error(self, number: int, expression: str, first: Any) -> str:
        """What is wrong with the first object (ReferredObject) of an answer; empty when it is right."""
        right = self._right[self._scene(number).id, expression]
        said = (first.roi.x_offset, first.roi.y_offset, first.roi.width, first.roi.height) if first.found else None
        return "" if said in right else f"picture {number}, {expression!r}: at {said}, not one of {right}"

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self._scenes[0].image.shape[:2]

    @property
    def intrinsics(self) -> np.ndarray:
        """3×3."""
        return self._scenes[0].intrinsics

    @cached_property
    def _right(self) -> dict[tuple[str, str], set[Any]]:
        """Scene and expression → the boxes of the first object, with depth and without."""
        from hybridgl_ros.segmenter import ReferringSegmenter

        segmenter = ReferringSegmenter.from_config("embedded")
        right: dict[tuple[str, str], set[Any]] = {}
        for scene in self._scenes:
            alone = segmenter.encode(scene.image)
            measured = segmenter.encode(scene.image, depth=scene.depth, intrinsics=scene.intrinsics)
            for expression in self.expressions:
                answers = [segmenter.refer(seen, expression) for seen in (alone, measured)]
                right[scene.id, expression] = {box_of(answer) for answer in answers}
        return right


def box_of(answer: Any) -> tuple[int, int, int, int] | None:
    """Column, row, width and height around the first object; None when nothing was found."""
    if not answer.found:
        return None
    rows, columns = np.nonzero(answer.objects[0].mask)
    column, row = int(columns.min()), int(rows.min())
    return column, row, int(columns.max()) - column + 1, int(rows.max()) - row + 1
