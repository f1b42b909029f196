"""Which kinds of spatial language an expression holds, as the language engine reads it: tags for the breakdown.

For data sets that say nothing of it themselves; the names are those of the tabletop's own kinds where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from hybridgl_ros.errors import ExpressionError
from hybridgl_ros.evaluation.samples import ReferringDataset, Sample
from hybridgl_ros.language.pipeline import load_pipeline
from hybridgl_ros.language.query import (
    Clause,
    Either,
    Except,
    Negation,
    Phrase,
    Position,
    Query,
    Rank,
    Reading,
    Relation,
)
from hybridgl_ros.language.reader import QueryParser
from hybridgl_ros.language.vocabulary import load_vocabulary

FINER = {
    "behind": "depth",
    "front": "depth",
    "near": "near",
    "far": "near",
    "touching": "near",
    "between": "between",
    "inside": "containment",
    "containing": "containment",
    "bigger": "size",
    "smaller": "size",
    "taller": "size",
    "shorter": "size",
}
"""What a relation is called beside `relation`."""
AXES = {"depth": "depth", "size": "size", "height": "size", "distance": "near"}
"""What a rank along an axis is called beside `ordinal` or `superlative`."""
DEPTHS = ("near", "far")
"""Places that are said of depth."""


def kinds_of(query: Query) -> tuple[str, ...]:
    """The kinds of a query, each once, in the order of its clauses; `attribute` or `plain` where it has none.

    nested: a landmark that is described by a clause of its own. count: more than one referent, or any of several.
    """
    found = [kind for clause in query.clauses for kind in _kinds_of_clause(clause)]
    if query.count.kind != "one":
        found.append("count")
    return tuple(dict.fromkeys(found)) or (("attribute",) if query.phrase.attributes else ("plain",))


def _kinds_of_clause(clause: Clause) -> Iterator[str]:
    if isinstance(clause, Relation):
        yield "relation"
        if clause.kind in FINER:
            yield FINER[clause.kind]
        if any(landmark.clauses for landmark in clause.landmarks):
            yield "nested"
    elif isinstance(clause, Rank):
        yield "superlative" if clause.n == 1 else "ordinal"
        if clause.axis in AXES:
            yield AXES[clause.axis]
    elif isinstance(clause, Position):
        yield "position"
        if any(place in DEPTHS for place in clause.places):
            yield "depth"
    elif isinstance(clause, Negation):
        yield "negation"
        if not isinstance(clause.of, Phrase):
            yield from _kinds_of_clause(clause.of)
    elif isinstance(clause, Except):
        yield "negation"
    elif isinstance(clause, Either):
        yield "either"
        for query in clause.queries:
            for inner in query.clauses:
                yield from _kinds_of_clause(inner)


class Kinds:
    """Tags of samples: those of the data set, and the kinds of the expression where it tells none itself.

    datasets: by split. spacy: name of the language pipeline.
    """

    def __init__(self, datasets: Mapping[str, ReferringDataset], spacy: str) -> None:
        self._told = {split: tells_kinds(dataset) for split, dataset in datasets.items()}
        self._spacy = spacy

    @cached_property
    def _read(self) -> Callable[[str], Reading]:
        return QueryParser(load_pipeline(self._spacy), load_vocabulary()).read

    def tags(self, split: str, sample: Sample) -> tuple[str, ...]:
        """The tags under which a sample is grouped. Raises WeightsError where a language pipeline is wanted."""
        if self._told[split]:
            return sample.tags
        try:
            query = self._read(sample.expression).queries[0]
        except ExpressionError:
            return sample.tags
        return tuple(dict.fromkeys((*sample.tags, *kinds_of(query))))


def tells_kinds(dataset: ReferringDataset) -> bool:
    """Whether a data set says itself of what kind its expressions are: its `tells_kinds`, else whether it has tags."""
    told = getattr(dataset, "tells_kinds", None)
    return any(sample.tags for sample in dataset.samples) if told is None else bool(told)
