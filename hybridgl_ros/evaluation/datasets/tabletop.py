"""Rendered tabletop sets as a referring data set; the held-out and the validation one ship with the package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.samples import Geometry, Sample
from hybridgl_ros.tabletop.dataset import (
    Expression,
    TabletopScene,
    TabletopSet,
    TabletopSetError,
    expression_from_json,
    heldout_path,
    validation_path,
)
from hybridgl_ros.tabletop.more_expressions import more_expressions_for
from hybridgl_ros.tabletop.oracle import Unclear, absence
from hybridgl_ros.tabletop.people import Written, people_path, read_people
from hybridgl_ros.tabletop.truth import objects_of_record

HELDOUT = "heldout"
VALIDATION = "validation"
SHIPPED = {HELDOUT: heldout_path, VALIDATION: validation_path}

Expressions = Callable[[TabletopSet], Iterator[tuple[int, Sequence[Expression]]]]
"""Indices of scenes with the expressions to ask of them."""


class TabletopDataset:
    """One set of rendered scenes; a sample's tags are the expression's kind, then its own tags.

    expressions: which to ask, those of the set by default. Raises DatasetError when the set is missing or damaged.
    """

    name = "tabletop"

    def __init__(self, path: Path, split: str = HELDOUT, expressions: Expressions | None = None) -> None:
        self.split = split
        self._positions: dict[str, int] = {}
        self._instances: dict[str, tuple[int, ...]] = {}
        self._current: TabletopScene | None = None
        try:
            self._set = TabletopSet(path)
            asked = (expressions or of_the_set)(self._set)
            self.samples = tuple(sample for index, said in asked for sample in self._read(index, said))
        except TabletopSetError as error:
            raise DatasetError(str(error)) from error

    def scene(self, image_id: str) -> TabletopScene:
        """The whole scene, with its depth and intrinsics."""
        if self._current is None or self._current.id != image_id:
            try:
                self._current = self._set[self._positions[image_id]]
            except TabletopSetError as error:
                raise DatasetError(str(error)) from error
        return self._current

    def image(self, image_id: str) -> NDArray[np.uint8]:
        """H×W×3 uint8 RGB."""
        return self.scene(image_id).image

    def geometry(self, image_id: str) -> Geometry:
        """The rendered depth and the camera's intrinsics."""
        scene = self.scene(image_id)
        return Geometry(scene.depth, scene.intrinsics)

    def mask(self, sample: Sample) -> NDArray[np.bool_]:
        """H×W bool, the visible pixels of all that is meant."""
        return np.isin(self.scene(sample.image_id).instances, self._instances[sample.id])

    def _read(self, index: int, expressions: Sequence[Expression]) -> list[Sample]:
        scene = self._set.record(index)["id"]
        if scene in self._positions:
            raise DatasetError(f"{self._set.path}: scene {scene} is there twice")
        self._positions[scene] = index
        samples = []
        for number, expression in enumerate(expressions):
            identity = f"{scene}-{number}"
            self._instances[identity] = expression.instances
            tags = tuple(dict.fromkeys([expression.kind, *expression.tags]))
            samples.append(Sample(identity, scene, expression.text, tags, bool(expression.instances)))
        return samples

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_current": None}


def of_the_set(scenes: TabletopSet) -> Iterator[tuple[int, Sequence[Expression]]]:
    """The expressions that are stored with the scenes."""
    for index in range(len(scenes)):
        yield index, [expression_from_json(entry) for entry in scenes.record(index)["expressions"]]


def of_more_templates(scenes: TabletopSet) -> Iterator[tuple[int, Sequence[Expression]]]:
    """Further kinds of expressions, made of the scenes' truth."""
    for index, scene in enumerate(scenes):
        yield index, more_expressions_for(scene)


def of_people(scenes: TabletopSet, file: Path | None = None) -> Iterator[tuple[int, Sequence[Expression]]]:
    """What people wrote, for the scenes that they wrote for; one for which there is nothing is tagged by why.

    Raises DatasetError when a scene, or an instance in it, is not there.
    """
    by_scene: dict[str, list[Written]] = {}
    for written in read_people(file):
        by_scene.setdefault(written.scene, []).append(written)
    positions = {scenes.record(index)["id"]: index for index in range(len(scenes))}
    if unknown := sorted(set(by_scene) - set(positions)):
        raise DatasetError(f"{scenes.path}: holds no scene {unknown[0]}, for which people wrote")
    for scene, lines in by_scene.items():
        truths = objects_of_record(scenes.record(positions[scene]))
        known = {truth.instance for truth in truths}
        said = []
        for written in lines:
            expression = written.expression
            if missing := sorted(set(expression.instances) - known):
                raise DatasetError(f"{scenes.path}: scene {scene} has no instance {missing[0]}: {expression.text!r}")
            try:
                tags = () if expression.instances else (absence(truths, written.program),)
            except Unclear as error:
                raise DatasetError(f"scene {scene}: {expression.text!r}: {error}") from error
            said.append(Expression.naming(expression.instances, expression.text, expression.kind, tags))
        yield positions[scene], said


EXPRESSIONS: dict[str, tuple[str, Expressions]] = {
    "templates": (HELDOUT, of_the_set),
    "more": (HELDOUT, of_more_templates),
    "people": (VALIDATION, of_people),
    "fresh": (VALIDATION, partial(of_people, file=people_path("people_fresh"))),
}
"""What to ask: the split whose scenes it is usually asked of, and where it comes from."""


def default_split(expressions: str = "templates", **_: object) -> str:
    """The split on which expressions are asked unless another one is named. Raises DatasetError as `source_of`."""
    return source_of(expressions)[0]


def source_of(expressions: str) -> tuple[str, Expressions]:
    """An entry of `EXPRESSIONS`. Raises DatasetError when there is none."""
    if expressions not in EXPRESSIONS:
        raise DatasetError(f"tabletop: no expressions {expressions!r}; there are {', '.join(EXPRESSIONS)}")
    return EXPRESSIONS[expressions]


def open_tabletop(split: str = HELDOUT, root: Path | None = None, expressions: str = "templates") -> TabletopDataset:
    """A shipped set, or the set at `root`: a zip, a folder of shards, or a folder with <split>.zip.

    expressions: templates (stored with the scenes), more (further kinds, made anew), people (written by people) or
    fresh (likewise, of the scenes that those are not of: to measure only).
    Raises DatasetError when there is no such split or no such expressions.
    """
    asked = source_of(expressions)[1]
    if root is None:
        if split not in SHIPPED:
            shipped = " and ".join(SHIPPED)
            raise DatasetError(f"tabletop: the package ships the splits {shipped}, not {split!r}; give a root")
        return TabletopDataset(SHIPPED[split](), split, asked)
    named = root / f"{split}.zip"
    return TabletopDataset(named if named.is_file() else root, split, asked)
