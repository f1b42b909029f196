"""What a small program over a scene's truth refers to: checks expressions that people wrote.

A program is a list, as in JSON: words that are true of the thing, then steps that narrow the choice down in order.

    [["red", "mug"], ["left of", [["blue", "cube"]]], ["rank", "x", "left", 2]]

Words are shapes, colours, sizes, poses and shades of the truth, `a/b` for either, `!a` for not; `thing` is anything.
Steps: left of, right of, above, below, behind, in front of, inside, containing, on, under, near, bigger than, smaller
than (program); between (program, program); at (one or two of left, right, top, bottom, middle); rank (axis, end, n and
for the distance a program); not (a step); except (program); or (program: the union with its own choice).
Truth that a person might see otherwise (two things almost level) raises Unclear rather than being guessed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from .dataset import ObjectTruth, TabletopScene
from .grounding import Located, locate
from .objects import COLOURS, SHAPES, SIZES
from .predicates import DEPTH_MARGIN, MARGIN, SIZE_MARGIN, gap, inside, is_between

Program: TypeAlias = Sequence[Any]
Pair: TypeAlias = Callable[[Located, Located], bool]

ABSENCES = WRONG_NOUN, FALSE_CLAUSE = "wrong noun", "one clause false"
"""Why there is nothing: no such thing at all, or none that the rest is true of."""

LEVEL = 8.0
"""Pixels within which two things count as level: neither left nor right of each other."""

NEARER = 0.6
"""Nearest is what lies within this share of the runner-up's distance."""

POSES = ("standing", "lying", "upside down")
SHADES = ("light", "dark")
WORDS = frozenset((*SHAPES, *COLOURS, *SIZES, *POSES, *SHADES))

ENDS = {
    "x": ("left", "right"),
    "y": ("top", "bottom"),
    "depth": ("near", "far"),
    "size": ("small", "large"),
    "extent": ("small", "large"),
    "height": ("short", "tall"),
    "distance": ("close", "remote"),
}
"""What can be ranked, with the end where its smallest value is, then the other one. Size is as seen from the camera,
extent in metres."""


class Unclear(ValueError):
    """The truth does not decide, or the program is not one."""


def referents(scene: TabletopScene, program: Program) -> set[int]:
    """The instances that a program refers to. Raises Unclear."""
    return {item.truth.instance for item in Oracle.of(scene).run(program)}


def absence(objects: Sequence[ObjectTruth], program: Program) -> str:
    """Why a program that finds nothing does so, one of `ABSENCES`. Raises Unclear."""
    words, _ = parts(program)
    fitting = any(all(fits(truth, word) for word in words) for truth in objects)
    return FALSE_CLAUSE if fitting else WRONG_NOUN


class Oracle:
    """Runs programs on located objects in a picture of ``width`` × ``height`` pixels; ``focal`` length in pixels."""

    def __init__(self, objects: Sequence[Located], width: int, height: int, focal: float) -> None:
        self._objects = tuple(objects)
        self._width, self._height = width, height
        self._focal = focal

    @classmethod
    def of(cls, scene: TabletopScene) -> Oracle:
        """An oracle of a scene's truth."""
        height, width = scene.instances.shape
        return cls(locate(scene.objects, scene.instances), width, height, float(scene.intrinsics[1, 1]))

    def run(self, program: Program) -> list[Located]:
        """The objects a program refers to. Raises Unclear, also for what is not a program."""
        words, steps = parts(program)
        found = [item for item in self._objects if all(fits(item.truth, word) for word in words)]
        for step in steps:
            found = self._step(found, step)
        return found

    def _step(self, found: list[Located], step: Program) -> list[Located]:
        if not isinstance(step, (list, tuple)) or not step or step[0] not in ARGUMENTS:
            raise Unclear(f"no step {step!r}")
        name, *arguments = step
        if len(arguments) not in ARGUMENTS[name]:
            raise Unclear(f"{name} takes {' or '.join(map(str, ARGUMENTS[name]))} arguments, got {len(arguments)}")
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
            loosely = [item for item in found if is_between(item, first, second, 1.0)]
            if any(not is_between(item, first, second, 0.5) for item in loosely):
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
        clearly, at_all = RELATIONS[name]
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
        if axis not in ENDS or end not in ENDS[axis]:
            raise Unclear(f"no axis {axis!r} with an end {end!r}")
        if not isinstance(n, int) or n == 0:
            raise Unclear(f"rank {axis}: {n!r} counts nothing")
        mark = None if landmark is None else self._one(landmark)
        key, margin = self._axis(axis, mark)
        row = sorted((item for item in found if item is not mark), key=key, reverse=end != ENDS[axis][0])
        if len(row) < abs(n):
            return []
        place = n - 1 if n > 0 else len(row) + n
        for other in (place - 1, place + 1):
            if 0 <= other < len(row) and abs(key(row[place]) - key(row[other])) < margin:
                raise Unclear(f"rank {axis}: {names([row[place], row[other]])} are almost level")
        return [row[place]]

    def _axis(self, axis: str, landmark: Located | None) -> tuple[Callable[[Located], float], float]:
        if axis == "distance":
            if landmark is None:
                raise Unclear("rank distance wants a landmark")
            return lambda item: math.log(max(gap(item, landmark), 1.0)), -math.log(NEARER) / 2
        axes: dict[str, tuple[Callable[[Located], float], float]] = {
            "x": (lambda item: item.x, MARGIN / 2),
            "y": (lambda item: item.y, MARGIN / 2),
            "depth": (lambda item: item.z, DEPTH_MARGIN * 0.75),
            "size": (lambda item: math.log(item.scale), math.log(SIZE_MARGIN)),
            "extent": (lambda item: math.log(SIZES[item.truth.size]), math.log(SIZE_MARGIN)),
            "height": (
                lambda item: math.log((item.box[3] - item.box[1]) * item.z / self._focal),
                math.log(SIZE_MARGIN),
            ),
        }
        return axes[axis]

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
        if place not in sides:
            raise Unclear(f"no place {place!r}")
        return sides[place]

    def _nearest_to(self, found: list[Located], x: float, y: float) -> list[Located]:
        def away(item: Located) -> float:
            return math.hypot(item.x - x, item.y - y)

        row = sorted(found, key=away)
        if len(row) > 1 and away(row[1]) - away(row[0]) < MARGIN:
            raise Unclear(f"middle: {names(row[:2])} are about as near to it")
        return row[:1]


def parts(program: Program) -> tuple[Sequence[str], Sequence[Program]]:
    """The words of a program and its steps. Raises Unclear when it has no words."""
    if not isinstance(program, (list, tuple)) or not program:
        raise Unclear(f"not a program: {program!r}")
    words, *steps = program
    if not isinstance(words, (list, tuple)) or not words or not all(isinstance(word, str) for word in words):
        raise Unclear(f"a program starts with a list of words, got {words!r}")
    return words, steps


def fits(truth: ObjectTruth, word: str) -> bool:
    """Whether a word of a program is true of an object. Raises Unclear for an unknown word."""
    if word.startswith("!"):
        return not fits(truth, word[1:])
    if "/" in word:
        return any(fits(truth, one) for one in word.split("/"))
    if word == "thing":
        return True
    if word not in WORDS:
        raise Unclear(f"no word {word!r}")
    return word in (truth.shape, truth.colour, truth.size, truth.pose, truth.shade)


def names(items: Sequence[Located]) -> str:
    """The objects in words, for messages."""
    return ", ".join(f"{item.truth.instance} ({item.truth.colour} {item.truth.shape})" for item in items) or "nothing"


def held(one: Located, two: Located) -> bool:
    """Whether one object is in the other: as the truth says, in older sets in the hole of a ring."""
    return one.truth.inside == two.truth.instance or inside(one, two)


def on(one: Located, two: Located) -> bool:
    """Whether one object stands on the other, as the truth says."""
    return one.truth.on == two.truth.instance


RELATIONS: dict[str, tuple[Pair, Pair]] = {
    "left of": (lambda a, b: b.x - a.x > LEVEL, lambda a, b: b.x - a.x > -LEVEL),
    "right of": (lambda a, b: a.x - b.x > LEVEL, lambda a, b: a.x - b.x > -LEVEL),
    "above": (lambda a, b: b.y - a.y > LEVEL, lambda a, b: b.y - a.y > -LEVEL),
    "below": (lambda a, b: a.y - b.y > LEVEL, lambda a, b: a.y - b.y > -LEVEL),
    "behind": (lambda a, b: a.z - b.z > 0.02, lambda a, b: a.z - b.z > -0.02),
    "in front of": (lambda a, b: b.z - a.z > 0.02, lambda a, b: b.z - a.z > -0.02),
    "inside": (held, held),
    "containing": (lambda a, b: held(b, a), lambda a, b: held(b, a)),
    "on": (on, on),
    "under": (lambda a, b: on(b, a), lambda a, b: on(b, a)),
    "bigger than": (lambda a, b: a.scale > SIZE_MARGIN * b.scale, lambda a, b: a.scale * SIZE_MARGIN > b.scale),
    "smaller than": (lambda a, b: b.scale > SIZE_MARGIN * a.scale, lambda a, b: b.scale * SIZE_MARGIN > a.scale),
}
"""For each relation: when it clearly holds, and when a person might say that it holds."""

ARGUMENTS = {
    **dict.fromkeys((*RELATIONS, "near", "not", "except", "or"), (1,)),
    "between": (1, 2),
    "at": (1, 2),
    "rank": (2, 3, 4),
}
"""Every step with the numbers of arguments that it takes."""
