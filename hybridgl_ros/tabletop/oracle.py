"""What a small program over a scene's truth refers to: checks expressions that people wrote.

A program is a list, as in JSON: words that are true of the thing, then steps that narrow the choice down in order.

    [["red", "mug"], ["left of", [["blue", "cube"]]], ["rank", "x", "left", 2]]

Words are shapes, colours, sizes, poses and shades of the truth, `a/b` for either, `!a` for not; `thing` is anything.
Steps: left of, right of, above, below, behind, in front of, inside, containing, near, bigger than, smaller than
(program); between (program, program); at (one or two of left, right, top, bottom, middle); rank (axis, end, n and for
the distance a program); not (a step); except (program); or (program: the union with its own choice).
Truth that a person might see otherwise (two things almost level) raises Unclear rather than being guessed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from .dataset import TabletopScene
from .expressions import DEPTH_MARGIN, MARGIN, SIZE_MARGIN, _is_between
from .grounding import Located, locate
from .objects import COLOURS, SHAPES, SIZES

Program: TypeAlias = Sequence[Any]
Pair: TypeAlias = Callable[[Located, Located], bool]

LEVEL = 8.0
"""Pixels within which two things count as level: neither left nor right of each other."""

NEARER = 0.6
"""Nearest is what lies within this share of the runner-up's distance."""

POSES = ("standing", "lying", "upside down")
SHADES = ("light", "dark")


class Unclear(ValueError):
    """The truth does not decide, or the program is not one."""


def referents(scene: TabletopScene, program: Program) -> set[int]:
    """The instances that a program refers to. Raises Unclear."""
    objects = locate(scene.objects, scene.instances)
    return {item.truth.instance for item in Oracle(scene, objects).run(program)}


class Oracle:
    """Runs programs on one scene."""

    def __init__(self, scene: TabletopScene, objects: tuple[Located, ...]) -> None:
        self._height, self._width = scene.instances.shape
        self._focal = float(scene.intrinsics[1, 1])
        self._objects = objects

    def run(self, program: Program) -> list[Located]:
        """The objects a program refers to. Raises Unclear."""
        words, *steps = program
        found = [item for item in self._objects if all(fits(item, word) for word in words)]
        for step in steps:
            found = self._step(found, step)
        return found

    def _step(self, found: list[Located], step: Program) -> list[Located]:
        name, *arguments = step
        if name == "or":
            others = self.run(arguments[0])
            return [item for item in self._objects if item in found or item in others]
        if name == "except":
            others = self.run(arguments[0])
            return [item for item in found if item not in others]
        if name == "not":
            holding = self._step(found, arguments[0])
            return [item for item in found if item not in holding]
        if name == "rank":
            return self._rank(found, *arguments)
        if name == "at":
            return self._at(found, arguments)
        if name == "near":
            return self._near(found, self._one(arguments[0]))
        if name == "between":
            first, second = self._pair(arguments)
            loosely = [item for item in found if _is_between(item, first, second, 1.0)]
            if any(not _is_between(item, first, second, 0.5) for item in loosely):
                raise Unclear(f"between: {names(loosely)} may or may not count")
            return loosely
        return self._related(found, name, self._one(arguments[0]))

    def _one(self, program: Program) -> Located:
        found = self.run(program)
        if len(found) != 1:
            raise Unclear(f"the landmark {program} is {names(found)}")
        return found[0]

    def _pair(self, programs: Sequence[Program]) -> tuple[Located, Located]:
        found = self.run(programs[0]) if len(programs) == 1 else [self._one(program) for program in programs]
        if len(found) != 2:
            raise Unclear(f"between wants two landmarks, got {names(found)}")
        return found[0], found[1]

    def _related(self, found: list[Located], name: str, landmark: Located) -> list[Located]:
        clearly, at_all = RELATIONS[name] if name in RELATIONS else unknown(name)
        others = [item for item in found if item is not landmark]
        loosely = [item for item in others if at_all(item, landmark)]
        unsure = [item for item in loosely if not clearly(item, landmark)]
        if unsure:
            raise Unclear(f"{name}: {names(unsure)} may or may not count")
        return loosely

    def _near(self, found: list[Located], landmark: Located) -> list[Located]:
        others = sorted((item for item in found if item is not landmark), key=lambda item: gap(item, landmark))
        if len(others) > 1 and gap(others[0], landmark) > NEARER * gap(others[1], landmark):
            raise Unclear(f"near: {names(others[:2])} are about as near")
        return others[:1]

    def _rank(
        self, found: list[Located], axis: str, end: str, n: int = 1, landmark: Program | None = None
    ) -> list[Located]:
        key, margin = self._axis(axis, None if landmark is None else self._one(landmark))
        first = {"x": "left", "y": "top", "depth": "near", "size": "small", "height": "short", "distance": "close"}[axis]
        row = sorted(found, key=key, reverse=end != first)
        if len(row) < abs(n):
            return []
        place = n - 1 if n > 0 else len(row) + n
        for other in (place - 1, place + 1):
            if 0 <= other < len(row) and abs(key(row[place]) - key(row[other])) < margin:
                raise Unclear(f"rank {axis}: {names([row[place], row[other]])} are almost level")
        return [row[place]]

    def _axis(self, axis: str, landmark: Located | None) -> tuple[Callable[[Located], float], float]:
        if axis == "x":
            return lambda item: item.x, MARGIN / 2
        if axis == "y":
            return lambda item: item.y, MARGIN / 2
        if axis == "depth":
            return lambda item: item.z, DEPTH_MARGIN * 0.75
        if axis == "size":
            return lambda item: math.log(item.scale), math.log(SIZE_MARGIN)
        if axis == "height":
            return lambda item: math.log((item.box[3] - item.box[1]) * item.z / self._focal), math.log(SIZE_MARGIN)
        if axis == "distance" and landmark is not None:
            return lambda item: math.log(max(gap(item, landmark), 1.0)), -math.log(NEARER) / 2
        raise Unclear(f"no axis {axis!r}")

    def _at(self, found: list[Located], places: Sequence[str]) -> list[Located]:
        if list(places) == ["middle"]:
            return self._nearest_to(found, self._width / 2, self._height / 2)
        sides = [self._side(place) for place in places]
        unsure = [item for item in found if all(side(item) > -LEVEL for side in sides)]
        clear = [item for item in unsure if all(side(item) > LEVEL for side in sides)]
        if len(unsure) > len(clear):
            raise Unclear(f"at {' '.join(places)}: {names(unsure)} may or may not count")
        return clear

    def _side(self, place: str) -> Callable[[Located], float]:
        """Pixels by which an object lies on that side of the picture's middle."""
        sides: dict[str, Callable[[Located], float]] = {
            "left": lambda item: self._width / 2 - item.x,
            "right": lambda item: item.x - self._width / 2,
            "top": lambda item: self._height / 2 - item.y,
            "bottom": lambda item: item.y - self._height / 2,
        }
        return sides[place] if place in sides else unknown(place)

    def _nearest_to(self, found: list[Located], x: float, y: float) -> list[Located]:
        def away(item: Located) -> float:
            return math.hypot(item.x - x, item.y - y)

        row = sorted(found, key=away)
        if len(row) > 1 and away(row[1]) - away(row[0]) < MARGIN:
            raise Unclear(f"middle: {names(row[:2])} are about as near to it")
        return row[:1]


def fits(item: Located, word: str) -> bool:
    """Whether a word of a program is true of an object. Raises Unclear for an unknown word."""
    if word.startswith("!"):
        return not fits(item, word[1:])
    if "/" in word:
        return any(fits(item, one) for one in word.split("/"))
    if word == "thing":
        return True
    if word not in (*SHAPES, *COLOURS, *SIZES, *POSES, *SHADES):
        raise Unclear(f"no word {word!r}")
    truth = item.truth
    return word in (truth.shape, truth.colour, truth.size, truth.pose, truth.shade)


def is_inside(one: Located, two: Located) -> bool:
    """Whether the first lies in the second or is encircled by it."""
    return one.truth.inside == two.truth.instance


def gap(one: Located, two: Located) -> float:
    """Pixels between two boxes, 0 where they overlap."""
    low, high = np.maximum(one.box[:2], two.box[:2]), np.minimum(one.box[2:], two.box[2:])
    return float(np.linalg.norm(np.maximum(low - high, 0)))


def names(items: Sequence[Located]) -> str:
    """The objects in words, for messages."""
    return ", ".join(f"{item.truth.instance} ({item.truth.colour} {item.truth.shape})" for item in items) or "nothing"


def unknown(name: str) -> Any:
    raise Unclear(f"no step or place {name!r}")


RELATIONS: dict[str, tuple[Pair, Pair]] = {
    "left of": (lambda a, b: b.x - a.x > LEVEL, lambda a, b: b.x - a.x > -LEVEL),
    "right of": (lambda a, b: a.x - b.x > LEVEL, lambda a, b: a.x - b.x > -LEVEL),
    "above": (lambda a, b: b.y - a.y > LEVEL, lambda a, b: b.y - a.y > -LEVEL),
    "below": (lambda a, b: a.y - b.y > LEVEL, lambda a, b: a.y - b.y > -LEVEL),
    "behind": (lambda a, b: a.z - b.z > 0.02, lambda a, b: a.z - b.z > -0.02),
    "in front of": (lambda a, b: b.z - a.z > 0.02, lambda a, b: b.z - a.z > -0.02),
    "inside": (lambda a, b: is_inside(a, b), lambda a, b: is_inside(a, b)),
    "containing": (lambda a, b: is_inside(b, a), lambda a, b: is_inside(b, a)),
    "on": (lambda a, b: a.truth.on == b.truth.instance, lambda a, b: a.truth.on == b.truth.instance),
    "under": (lambda a, b: b.truth.on == a.truth.instance, lambda a, b: b.truth.on == a.truth.instance),
    "bigger than": (lambda a, b: a.scale > SIZE_MARGIN * b.scale, lambda a, b: a.scale * SIZE_MARGIN > b.scale),
    "smaller than": (lambda a, b: b.scale > SIZE_MARGIN * a.scale, lambda a, b: b.scale * SIZE_MARGIN > a.scale),
}
"""For each relation: when it clearly holds, and when a person might say that it holds."""
