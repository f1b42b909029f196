"""Referring expressions from templates over a scene's truth: each names exactly one object, or nothing.

Expressions depend on the scene's truth and a seed only, so they can be made anew for a rendered set. Where
truth is not clear-cut (two objects almost level, almost as near) an expression is left out, not guessed.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np

from .dataset import Expression, TabletopScene
from .grounding import Description, Located, Table, locate, pick
from .objects import SIZES
from .predicates import DEPTH_MARGIN, MARGIN, SIZE_MARGIN, inside, is_between

_MAX_EXPRESSIONS = 10
_REDUNDANT_SHARE = 0.3


_COMPARATIVES = {"small": ("smaller", "smallest"), "large": ("bigger", "larger", "biggest", "largest")}


def expressions_for(scene: TabletopScene, seed: int) -> tuple[Expression, ...]:
    """Up to ten expressions of different kinds for one scene."""
    rng = np.random.default_rng([seed, zlib.crc32(scene.id.encode())])
    height, width = scene.instances.shape
    return choose(all_expressions(locate(scene.objects, scene.instances), width, height, rng), rng)


def all_expressions(
    objects: tuple[Located, ...], width: int, height: int, rng: np.random.Generator
) -> list[Expression]:
    """Everything the rules can say about a picture of ``width`` × ``height`` pixels."""
    table = Table(objects, width, height, rng)
    return [expression for rule in _RULES for expression in rule(table)]


def choose(
    candidates: Sequence[Expression], rng: np.random.Generator, kinds: Sequence[str] | None = None
) -> tuple[Expression, ...]:
    """At most ten expressions, kind after kind in turn, no text twice, at most two of a kind.

    ``kinds`` is the order of the kinds, that of `KINDS` unless given.
    """
    by_kind: dict[str, list[Expression]] = defaultdict(list)
    for index in rng.permutation(len(candidates)):
        by_kind[candidates[index].kind].append(candidates[index])
    rounds = [[by_kind[kind][turn : turn + 1] for kind in kinds or KINDS] for turn in range(2)]
    ranked = [found[0] for row in rounds for found in row if found]
    chosen = {expression.text: expression for expression in reversed(ranked[:_MAX_EXPRESSIONS])}
    return tuple(reversed(list(chosen.values())))


def _attributes(table: Table) -> Iterator[Expression]:
    for wanted, found in table.kinds:
        if len(found) != 1 or (wanted.shape is None and wanted.colour is None):
            continue
        kind = "colour_shape" if wanted.shape and wanted.colour else "shape" if wanted.shape else "colour"
        yield Expression(f"the {wanted.phrase(table.rng)}", found[0].truth.instance, kind)


def _sizes(table: Table) -> Iterator[Expression]:
    """Only where the size decides: the same words without it fit several objects."""
    for wanted, found in table.kinds:
        for size in SIZES:
            sized = Description(wanted.shape, wanted.colour, size)
            fitting = table.matching(sized)
            if len(found) < 2 or len(fitting) != 1:
                continue
            ratios = [_advantage(fitting[0], item, size) for item in found if item is not fitting[0]]
            if min(ratios) < SIZE_MARGIN:
                continue
            if table.rng.random() < 0.5:
                text = f"the {sized.phrase(table.rng)}"
            else:
                endings = ("er", "est") if len(found) == 2 else ("est",)
                words = [word for word in _COMPARATIVES[size] if word.endswith(endings)]
                text = f"the {pick(table.rng, words)} {wanted.phrase(table.rng)}"
            yield Expression(text, fitting[0].truth.instance, "size", (f"size:{size}",))


def _advantage(one: Located, two: Located, size: str) -> float:
    """By which factor the first looks more ``size`` than the second from here."""
    return one.scale / two.scale if size == "large" else two.scale / one.scale


_AXES: dict[str, tuple[Callable[[Located], float], int]] = {
    "left": (lambda item: item.x, 1),
    "right": (lambda item: item.x, -1),
    "top": (lambda item: item.y, 1),
    "bottom": (lambda item: item.y, -1),
}


def _positions(table: Table) -> Iterator[Expression]:
    for wanted, found in table.kinds:
        if len(found) < 2:
            continue
        for side, (key, sign) in _AXES.items():
            first, second = sorted(found, key=lambda item: sign * key(item))[:2]
            if abs(key(first) - key(second)) < 1.5 * MARGIN or not _on_side(table, first, side):
                continue
            if any(_on_side(table, item, side) for item in found if item is not first):
                continue
            preposition = {"top": "at the top", "bottom": "at the bottom"}.get(side, f"on the {side}")
            phrase = wanted.phrase(table.rng)
            text = f"the {phrase} {preposition}"
            if side in ("left", "right") and table.rng.random() < 0.4:
                text = f"the {side}most {phrase}" if table.rng.random() < 0.5 else f"the {side} {phrase}"
            yield Expression(text, first.truth.instance, "position", (f"position:{side}",))
        middle = [item for item in found if _in_middle(table, item)]
        near = [item for item in found if _in_middle(table, item, slack=MARGIN)]
        if len(middle) == 1 and near == middle:
            text = f"the {wanted.phrase(table.rng)} in the {pick(table.rng, ('middle', 'centre'))}"
            yield Expression(text, middle[0].truth.instance, "position", ("position:middle",))


def _on_side(table: Table, item: Located, side: str) -> bool:
    share = {"left": item.x, "right": table.width - item.x}.get(side)
    if share is not None:
        return share < 0.45 * table.width
    return {"top": item.y, "bottom": table.height - item.y}[side] < 0.45 * table.height


def _in_middle(table: Table, item: Located, slack: float = 0.0) -> bool:
    return (
        abs(item.x - table.width / 2) < 0.16 * table.width + slack
        and abs(item.y - table.height / 2) < 0.2 * table.height + slack
    )


_RELATIONS: dict[str, tuple[Callable[[Located, Located], bool], Callable[[Located, Located], bool]]] = {
    "left of": (lambda a, b: b.x - a.x > MARGIN, lambda a, b: b.x - a.x > 0),
    "right of": (lambda a, b: a.x - b.x > MARGIN, lambda a, b: a.x - b.x > 0),
    "above": (lambda a, b: b.y - a.y > MARGIN, lambda a, b: b.y - a.y > 0),
    "below": (lambda a, b: a.y - b.y > MARGIN, lambda a, b: a.y - b.y > 0),
    "behind": (lambda a, b: a.z - b.z > DEPTH_MARGIN, lambda a, b: a.z - b.z > 0),
    "in front of": (lambda a, b: b.z - a.z > DEPTH_MARGIN, lambda a, b: b.z - a.z > 0),
    "inside": (inside, inside),
}
"""For each relation: when it clearly holds, and when it holds at all.

An expression needs one object for which it clearly holds, and no other for which it holds at all.
"""

_SPOKEN = {
    "left of": ("left of", "to the left of", "on the left of"),
    "right of": ("right of", "to the right of", "on the right of"),
    "above": ("above",),
    "below": ("below", "under"),
    "behind": ("behind",),
    "in front of": ("in front of",),
    "inside": ("inside", "in"),
}


def _relations(table: Table) -> Iterator[Expression]:
    for anchor_words, anchor in table.unique:
        for wanted, matching in table.kinds:
            found = [item for item in matching if item is not anchor]
            for relation, (clearly, at_all) in _RELATIONS.items():
                holds = [item for item in found if at_all(item, anchor)]
                if len(holds) != 1 or not clearly(holds[0], anchor):
                    continue
                spoken = pick(table.rng, _SPOKEN[relation])
                text = f"the {wanted.phrase(table.rng)} {spoken} the {anchor_words.phrase(table.rng)}"
                kind = "inside" if relation == "inside" else "relation"
                needed = "needed" if len(matching) > 1 else "redundant"
                if needed == "redundant" and table.rng.random() > _REDUNDANT_SHARE:
                    continue
                tags = (f"relation:{relation}", f"relation:{needed}")
                yield Expression(text, holds[0].truth.instance, kind, tags)


def _between(table: Table) -> Iterator[Expression]:
    for (first_words, first), (second_words, second) in combinations(table.unique, 2):
        amid = [item for item in table.objects if is_between(item, first, second, 1.0)]
        for wanted, found in table.kinds:
            loosely = [item for item in found if item in amid]
            if len(loosely) == 1 and is_between(loosely[0], first, second, 0.5):
                phrases = [words.phrase(table.rng) for words in (wanted, first_words, second_words)]
                text = f"the {phrases[0]} between the {phrases[1]} and the {phrases[2]}"
                yield Expression(text, loosely[0].truth.instance, "between", ("relation:between",))


_NUMBERS = ("first", "second", "third", "fourth", "fifth", "sixth")


def _ordinals(table: Table) -> Iterator[Expression]:
    for wanted, matching in table.kinds:
        found = sorted(matching, key=lambda item: item.x)
        if len(found) < 3 or np.diff([item.x for item in found]).min() < MARGIN / 2:
            continue
        for side, row in (("left", found), ("right", found[::-1])):
            for place, item in enumerate(row[: len(found) - 1]):
                text = f"the {_NUMBERS[place]} {wanted.phrase(table.rng)} from the {side}"
                tags = (f"ordinal:{place + 1}", f"position:{side}")
                yield Expression(text, item.truth.instance, "ordinal", tags)


def _depths(table: Table) -> Iterator[Expression]:
    for wanted, matching in table.kinds:
        found = sorted(matching, key=lambda item: item.z)
        if len(found) < 2:
            continue
        for words, tag, row in (
            (("closest", "nearest"), "depth:closest", found),
            (("farthest", "furthest"), "depth:farthest", found[::-1]),
        ):
            if abs(row[0].z - row[1].z) >= DEPTH_MARGIN:
                text = f"the {pick(table.rng, words)} {wanted.phrase(table.rng)}"
                yield Expression(text, row[0].truth.instance, "depth", (tag,))


def _absent(table: Table) -> Iterator[Expression]:
    """Things that are not there; half of them share a shape and a colour with things that are."""
    missing, tempting = table.missing
    for pool, tag in ((tempting, "absent:near"), (missing, "absent:any")):
        if pool:
            wanted = pool[int(table.rng.integers(len(pool)))]
            yield Expression(f"the {wanted.phrase(table.rng)}", None, "absent", (tag,))


_RULES = (_attributes, _sizes, _positions, _relations, _between, _ordinals, _depths, _absent)

KINDS = (
    "colour_shape",
    "relation",
    "position",
    "size",
    "inside",
    "shape",
    "between",
    "ordinal",
    "depth",
    "absent",
    "colour",
)
"""Every kind of expression, in the order in which a scene's expressions are drawn."""
