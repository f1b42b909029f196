"""Masks of any other system, one JSON object a line, to be scored like the answers of the built-in methods.

{"id": "ref7-sent12",                 the sample's id, as `results.json` or `hybridgl export` name it
 "mask": "masks/7.png",               picture, not 0 = answer, its path relative to this file; or COCO RLE
                                      {"size": [h, w], "counts": …}; or a list of these, which are united;
                                      null, an empty list or an empty mask: nothing is there
 "score": 0.83, "split": "testA"}     both optional
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.pictures import Size, read_mask, spell
from hybridgl_ros.evaluation.datasets.segmentations import decode_segmentation
from hybridgl_ros.evaluation.datasets.texts import check_name, check_text
from hybridgl_ros.evaluation.samples import ReferringDataset, Sample

KEYS = {"id", "mask", "score", "split"}
SHOWN = 5
"""How many lines or ids a message names."""


@dataclass(frozen=True)
class Prediction:
    """One line. masks: paths and RLEs as written, to be united. score: None when there is none."""

    number: int
    id: str
    split: str | None
    masks: tuple[Any, ...]
    score: float | None


@dataclass(frozen=True)
class Coverage:
    """What a file lacks of the samples, and what it has beyond them; ids.

    expected: how many samples there are.
    """

    missing: tuple[str, ...]
    surplus: tuple[str, ...]
    expected: int

    def notes(self, file: str) -> list[str]:
        """What a reader must know, one sentence each; none when every sample has its line."""
        found = []
        if self.missing:
            found.append(
                f"{file}: {len(self.missing)} of {self.expected} expressions have no line and count as wrong "
                f"({named(self.missing)})"
            )
        if self.surplus:
            found.append(f"{file}: {len(self.surplus)} lines are of no expression here ({named(self.surplus)})")
        return found


class Predictions:
    """All lines of one file. Raises DatasetError naming every line that is damaged or there twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Not splitlines: texts may hold what it takes for the end of a line.
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"{path}: cannot be read ({error})") from error
        self._lines: dict[tuple[str | None, str], Prediction] = {}
        problems = []
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    self._add(read_line(number, line))
                except DatasetError as error:
                    problems.append(str(error))
        self._refuse(problems)
        if not self._lines:
            raise DatasetError(f"{path}: holds no prediction")

    def find(self, split: str, sample: Sample) -> Prediction | None:
        """The line of a sample; one that names the split goes before one that names none."""
        return self._lines.get((split, sample.id)) or self._lines.get((None, sample.id))

    def mask(self, prediction: Prediction, size: Size) -> NDArray[np.bool_]:
        """H×W bool, the union of a line's masks. Raises DatasetError naming file and line."""
        entry = f"{self.path}, line {prediction.number}"
        union = np.zeros(size, bool)
        for mask in prediction.masks:
            union |= self._one_mask(mask, size, entry)
        return union

    def check(self, splits: Mapping[str, ReferringDataset], limit: int | None) -> Coverage:
        """Read the masks of the first `limit` samples of each split, and compare the ids with those of all samples.

        Raises DatasetError naming every line that is damaged, of another size than its image, or of two splits, and
        when no line is of any sample.
        """
        problems, missing, expected = [], [], 0
        owners: dict[str, list[str]] = {}
        for split, dataset in splits.items():
            samples = dataset.samples[:limit]
            expected += len(samples)
            sizes: dict[str, Size] = {}
            for sample in dataset.samples:
                owners.setdefault(sample.id, []).append(split)
            for sample in samples:
                prediction = self.find(split, sample)
                if prediction is None:
                    missing.append(sample.id)
                    continue
                if sample.image_id not in sizes:
                    rows, columns = dataset.mask(sample).shape
                    sizes[sample.image_id] = rows, columns
                try:
                    self.mask(prediction, sizes[sample.image_id])
                except DatasetError as error:
                    problems.append(str(error).removeprefix(f"{self.path}, "))
        surplus = []
        for prediction in self._lines.values():
            of = owners.get(prediction.id, [])
            if prediction.split is None and len(of) > 1:
                problems.append(f"line {prediction.number}: {prediction.id} is of {' and '.join(of)}; name its split")
            if not of or (prediction.split is not None and prediction.split not in of):
                surplus.append(prediction.id)
        self._refuse(problems)
        if expected and len(missing) == expected:
            there = next(iter(self._lines.values())).id
            raise DatasetError(
                f"{self.path}: no line is of an expression of {', '.join(splits)}: ids there are like {there!r}, "
                f"wanted like {missing[0]!r}"
            )
        return Coverage(tuple(missing), tuple(surplus), expected)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the file and the pictures that it names."""
        digest = hashlib.sha256(self.path.read_bytes())
        for prediction in self._lines.values():
            for mask in prediction.masks:
                if isinstance(mask, str) and (self.path.parent / mask).is_file():
                    digest.update(hashlib.sha256((self.path.parent / mask).read_bytes()).digest())
        return digest.hexdigest()

    def _add(self, prediction: Prediction) -> None:
        key = prediction.split, prediction.id
        if key in self._lines:
            raise DatasetError(
                f"line {prediction.number}: {prediction.id} is there twice, first in line {self._lines[key].number}"
            )
        self._lines[key] = prediction

    def _one_mask(self, mask: Any, size: Size, entry: str) -> NDArray[np.bool_]:
        if isinstance(mask, dict):
            return decode_segmentation(mask, size, entry)
        pixels = read_mask(self.path.parent / mask, entry)
        if pixels.shape != size:
            raise DatasetError(f"{entry}: mask {mask} is {spell(pixels.shape)}, its image {spell(size)}")
        return pixels

    def _refuse(self, problems: Sequence[str]) -> None:
        if problems:
            count = f"{len(problems)} lines cannot be used: " if len(problems) > 1 else ""
            more = f"; {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
            raise DatasetError(f"{self.path}: {count}{'; '.join(problems[:SHOWN])}{more}")


def read_line(number: int, line: str) -> Prediction:
    """One line's content; masks are only looked at when they are used. Raises DatasetError naming the line."""
    entry = f"line {number}"
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{entry}: not JSON ({error})") from error
    if not isinstance(record, dict) or not {"id", "mask"} <= set(record) <= KEYS:
        raise DatasetError(f"{entry}: wants id and mask, may have score and split, nothing else")
    identity, mask, score, split = (record.get(name) for name in ("id", "mask", "score", "split"))
    if type(identity) not in (str, int):
        raise DatasetError(f"{entry}: id is neither a text nor a whole number")
    masks = [] if mask is None else mask if isinstance(mask, list) else [mask]
    for one in masks:
        if isinstance(one, str):
            check_name(one, "mask", entry)
        elif not isinstance(one, dict):
            raise DatasetError(f"{entry}: mask is neither a path nor an RLE, nor a list of these, nor null")
    if score is not None and (type(score) not in (int, float) or not math.isfinite(score)):
        raise DatasetError(f"{entry}: score is not a number")
    if split is not None:
        check_text(split, entry)
    return Prediction(
        number, check_text(str(identity), entry), split, tuple(masks), None if score is None else float(score)
    )


def named(entries: Sequence[str]) -> str:
    """The first few of a list, for a message."""
    return ", ".join(entries[:SHOWN]) + (" …" if len(entries) > SHOWN else "")
