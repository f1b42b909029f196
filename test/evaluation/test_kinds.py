"""What an expression asks for, as tags."""

from __future__ import annotations

import pytest

from hybridgl_ros.evaluation.kinds import Kinds, kinds_of, tells_kinds
from hybridgl_ros.evaluation.samples import Sample
from hybridgl_ros.language.query import (
    Count,
    Either,
    Except,
    Negation,
    Phrase,
    Position,
    Query,
    Rank,
    Relation,
)

MUG = Query(Phrase("mug", "mug"))
LEFT = Position(("left",))


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        (MUG, ("plain",)),
        (Query(Phrase("red mug", "mug", ("red",))), ("attribute",)),
        (Query(MUG.phrase, (LEFT,)), ("position",)),
        (Query(MUG.phrase, (Position(("far",)),)), ("position", "depth")),
        (Query(MUG.phrase, (Relation("left", (MUG,)),)), ("relation",)),
        (Query(MUG.phrase, (Relation("behind", (Query(MUG.phrase, (LEFT,)),)),)), ("relation", "depth", "nested")),
        (Query(MUG.phrase, (Rank("x", "left", 2), LEFT)), ("ordinal", "position")),
        (Query(MUG.phrase, (Rank("size", "large"),)), ("superlative", "size")),
        (Query(MUG.phrase, (Rank("depth", "near", -1),)), ("ordinal", "depth")),
        (Query(MUG.phrase, (Negation(LEFT),)), ("negation", "position")),
        (Query(MUG.phrase, (Negation(Phrase("red")), Except(MUG))), ("negation",)),
        (Query(MUG.phrase, (Either((MUG, Query(MUG.phrase, (LEFT,)))),)), ("either", "position")),
        (Query(MUG.phrase, (), Count("all")), ("count",)),
    ],
)
def test_kinds_are_those_of_the_clauses(query, kinds):
    assert kinds_of(query) == kinds


class Set:
    """Samples only."""

    def __init__(self, *samples: Sample, **extra: object) -> None:
        self.samples = samples
        self.__dict__.update(extra)


def test_only_sets_that_say_nothing_are_tagged():
    plain, tagged = Sample("a", "i", "the mug behind the plate"), Sample("b", "i", "the mug on the left", ("mine",))
    kinds = Kinds({"plain": Set(plain), "tagged": Set(plain, tagged), "asks": Set(tagged, tells_kinds=False)}, "auto")
    assert kinds.tags("plain", plain) == ("relation", "depth")
    assert kinds.tags("tagged", plain) == () and kinds.tags("tagged", tagged) == ("mine",)
    assert kinds.tags("asks", tagged) == ("mine", "position")
    assert not tells_kinds(Set()) and tells_kinds(Set(tells_kinds=True))
