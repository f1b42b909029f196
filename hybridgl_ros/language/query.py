"""What an expression asks for, as a small typed program: a phrase for CLIP and clauses over objects.

A `Query` is executed on a scene's objects: the phrase says which of them may be meant, the clauses are applied in
order, each on what the ones before it left. Printed, it is one line that a person understands:
`green bottle · behind(black block) · 2nd from the right`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import TypeAlias

RELATIONS = (
    *("left", "right", "above", "below", "behind", "front"),
    *("near", "far", "touching", "between", "inside", "containing", "on", "under", "around"),
    *("bigger", "smaller", "taller", "shorter"),
)
"""Kinds of relation between the referent and its landmark (two landmarks for `between`), as seen by the camera."""

AXES: dict[str, tuple[str, str]] = {
    "x": ("left", "right"),
    "y": ("top", "bottom"),
    "depth": ("near", "far"),
    "size": ("large", "small"),
    "height": ("tall", "short"),
    "distance": ("close", "remote"),
}
"""Axes along which objects are ranked, with the two ends from which one counts; `distance` is to a landmark."""

_SUPERLATIVES = {
    ("depth", "near"): "nearest",
    ("depth", "far"): "farthest",
    ("size", "large"): "largest",
    ("size", "small"): "smallest",
    ("height", "tall"): "tallest",
    ("height", "short"): "shortest",
    ("distance", "close"): "closest",
    ("distance", "remote"): "farthest",
}

PLACES = ("left", "right", "top", "bottom", "middle", "near", "far")
"""Places in the picture; near and far are the foreground and the background."""

COUNTS = ("one", "any", "exact", "all", "other")
"""How many referents are meant: one; any one of several; exactly n; every one; all but the one that is named."""


@dataclass(frozen=True)
class Phrase:
    """What CLIP is asked: the noun and its attributes, free of commands, articles and spatial words.

    text: for example "pale green bottle". noun: its head, "" when the expression names none ("the red one").
    attributes: the words before and after the noun that describe it, in order.
    """

    text: str
    noun: str = ""
    attributes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text or "object"


@dataclass(frozen=True)
class Relation:
    """The referent stands in a relation (one of `RELATIONS`) to what the landmarks refer to."""

    kind: str
    landmarks: tuple[Query, ...]

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(map(str, self.landmarks))})"


@dataclass(frozen=True)
class Rank:
    """The n-th along an axis (one of `AXES`) among what is left, counted from one of its ends.

    Superlatives are n = 1; n = −1 is the last. landmark: what `distance` is measured to.
    """

    axis: str
    end: str
    n: int = 1
    landmark: Query | None = None

    def __str__(self) -> str:
        to = f" {'from' if self.end == 'remote' else 'to'}({self.landmark})" if self.landmark else ""
        superlative = _SUPERLATIVES.get((self.axis, self.end))
        if superlative is None:
            return f"{ordinal(self.n)} from the {self.end}"
        if self.n < 0:
            return f"{ordinal(self.n)} from the {superlative}{to}"
        return f"{superlative}{to}" if self.n == 1 else f"{ordinal(self.n)} {superlative}{to}"


@dataclass(frozen=True)
class Position:
    """The referent is at one or two of `PLACES`: ("left",), ("top", "left")."""

    places: tuple[str, ...]

    def __str__(self) -> str:
        return f"at {' '.join(self.places)}"


@dataclass(frozen=True)
class Negation:
    """The opposite of a clause ("not left of the ball"), or anything but a phrase ("not red", "not a mug")."""

    of: Clause | Phrase

    def __str__(self) -> str:
        return f"not {self.of}"


@dataclass(frozen=True)
class Except:
    """Anything but the referents of another query: "not the one on the left", "other than the red mug"."""

    query: Query

    def __str__(self) -> str:
        return f"except({self.query})"


@dataclass(frozen=True)
class Either:
    """The referents of any of several queries: "the ball and the ring", "the red or blue one", "the two leftmost"."""

    queries: tuple[Query, ...]

    def __str__(self) -> str:
        return f"either({', '.join(map(str, self.queries))})"


Clause: TypeAlias = Relation | Rank | Position | Negation | Except | Either


@dataclass(frozen=True)
class Count:
    """How many referents are meant: one of `COUNTS`, with n for `exact` and `any`."""

    kind: str = "one"
    n: int = 1

    def __str__(self) -> str:
        if self.kind == "any" and self.n > 1:
            return f"any of {self.n}"
        return f"exactly {self.n}" if self.kind == "exact" else self.kind


@dataclass(frozen=True)
class Query:
    """One reading of an expression."""

    phrase: Phrase
    clauses: tuple[Clause, ...] = ()
    count: Count = Count()

    def __str__(self) -> str:
        parts = [str(self.phrase), *map(str, self.clauses)]
        if self.count.kind != "one":
            parts.append(str(self.count))
        return " · ".join(parts)


@dataclass(frozen=True)
class Reading:
    """All that was understood of one expression.

    queries: one to three plausible readings, the most plausible first; the scene decides between them.
    weights: how plausible each is, summing to 1. notes: what a person should know, for example words that could not
    be used.
    """

    text: str
    queries: tuple[Query, ...]
    weights: tuple[float, ...] = (1.0,)
    notes: tuple[str, ...] = ()


def phrases(part: object) -> Iterator[Phrase]:
    """Every phrase of a query, a clause or several of them, those nested in clauses too."""
    if isinstance(part, Phrase):
        yield part
    elif isinstance(part, tuple):
        for one in part:
            yield from phrases(one)
    elif is_dataclass(part):
        yield from phrases(tuple(getattr(part, field.name) for field in fields(part)))


def ordinal(n: int) -> str:
    """1st, 2nd, 3rd, 4th …; −1 is the last, −2 the last but one."""
    if n < 0:
        return "last" if n == -1 else f"{ordinal(-n)} last"
    suffix = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"
