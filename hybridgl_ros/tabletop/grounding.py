"""What expressions are made from: located objects, descriptions and the words for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .dataset import ObjectTruth
from .objects import COLOURS, SHAPES, SIZES

GENERIC_NOUNS = ("object", "thing")


@dataclass(frozen=True)
class Located:
    """An object with the box of its visible pixels: left, top, right, bottom (the last two exclusive)."""

    truth: ObjectTruth
    box: tuple[float, float, float, float]

    @property
    def x(self) -> float:
        """Column of the box's centre."""
        return (self.box[0] + self.box[2]) / 2

    @property
    def y(self) -> float:
        """Row of the box's centre."""
        return (self.box[1] + self.box[3]) / 2

    @property
    def scale(self) -> float:
        """How large its size looks from here: nominal extent over distance."""
        return SIZES[self.truth.size] / self.z

    @property
    def z(self) -> float:
        """Distance along the optical axis, metres."""
        return self.truth.position[2]


@dataclass(frozen=True)
class Description:
    """What a noun phrase asks for; None where it does not say."""

    shape: str | None = None
    colour: str | None = None
    size: str | None = None

    def matches(self, truth: ObjectTruth) -> bool:
        """Whether the object has every attribute that is asked for."""
        return (
            self.shape in (None, truth.shape)
            and self.colour in (None, truth.colour)
            and self.size in (None, truth.size)
        )

    def phrase(self, rng: np.random.Generator) -> str:
        """The words without the article, such as "small red cube"."""
        size = "" if self.size is None else pick(rng, _SIZE_WORDS[self.size])
        noun = self.shape or pick(rng, GENERIC_NOUNS)
        return " ".join(word for word in (size, self.colour, noun) if word)


_SIZE_WORDS = {"small": ("small", "small", "little", "tiny"), "large": ("large", "large", "big")}


@dataclass(frozen=True)
class Table:
    """A scene as the rules see it, ``width`` × ``height`` pixels, and the random source of its wording."""

    objects: tuple[Located, ...]
    width: int
    height: int
    rng: np.random.Generator

    def matching(self, wanted: Description) -> list[Located]:
        """The objects a description fits."""
        return [item for item in self.objects if wanted.matches(item.truth)]

    @cached_property
    def kinds(self) -> list[tuple[Description, list[Located]]]:
        """Every description without size that fits something, with what it fits."""
        found = {Description()}
        for item in self.objects:
            shape, colour = item.truth.shape, item.truth.colour
            found |= {Description(shape), Description(None, colour), Description(shape, colour)}
        ordered = sorted(found, key=lambda wanted: (wanted.shape or "", wanted.colour or ""))
        return [(wanted, self.matching(wanted)) for wanted in ordered]

    @cached_property
    def unique(self) -> list[tuple[Description, Located]]:
        """Descriptions by shape, or by shape and colour, that fit one object only."""
        return [(wanted, found[0]) for wanted, found in self.kinds if wanted.shape and len(found) == 1]

    @cached_property
    def missing(self) -> tuple[list[Description], list[Description]]:
        """Shapes with colours that fit nothing: all of them, and those whose shape and colour both occur."""
        everything = [Description(shape, colour) for shape in SHAPES for colour in COLOURS]
        missing = [wanted for wanted in everything if not self.matching(wanted)]
        shapes = {item.truth.shape for item in self.objects}
        colours = {item.truth.colour for item in self.objects}
        return missing, [wanted for wanted in missing if wanted.shape in shapes and wanted.colour in colours]


def pick(rng: np.random.Generator, words: Sequence[str]) -> str:
    """One of the words; much quicker than ``rng.choice``, which makes an array of them."""
    return words[int(rng.integers(len(words)))]


def locate(objects: Iterable[ObjectTruth], instances: NDArray[np.uint8]) -> tuple[Located, ...]:
    """The objects that have pixels in ``instances`` (H×W uint8), with the boxes of these."""
    located = []
    for truth in objects:
        mask = instances == truth.instance
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        if rows.size:
            box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
            located.append(Located(truth, box))
    return tuple(located)
