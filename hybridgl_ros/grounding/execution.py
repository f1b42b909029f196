"""Run a `Query` on the objects of a scene: every clause leaves a probability for every object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hybridgl_ros.grounding.axes import FIRST, ahead, axis_values, graded, landmark_distance, position_factors
from hybridgl_ros.grounding.counting import rank_factors
from hybridgl_ros.grounding.geometry import Geometry
from hybridgl_ros.grounding.landmarks import identity, pair_factors, relation_factors
from hybridgl_ros.grounding.relations import between_tensor, relation_matrix
from hybridgl_ros.language.query import Clause, Either, Except, Negation, Phrase, Position, Query, Rank, Relation
from hybridgl_ros.settings import GroundingSettings

PLURAL = ("all", "exact", "any")
TINY = 1e-300


OPERATORS: dict[type, str] = {
    Relation: "relations",
    Rank: "ranks",
    Position: "positions",
    Negation: "exclusions",
    Except: "exclusions",
    Either: "alternatives",
}
"""What `grounding.without` calls each kind of clause."""


@dataclass(frozen=True)
class Graded:
    """A relative attribute such as "small": towards which end of which axis."""

    text: str
    axis: str
    end: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Membership:
    """How well N objects fit a phrase. fit: N probabilities; graded: its relative attributes.

    told: False when nothing is known of all that the phrase says beside its noun, so that it excludes nothing.
    """

    fit: Tensor
    graded: tuple[Graded, ...] = ()
    told: bool = True


Recognise = Callable[[Phrase], Membership]


@dataclass(frozen=True)
class Step:
    """What one part of a query says of every object.

    part: the phrase, a relative attribute, or the clause. factors: N float64, its probability for each object as if
    the object satisfied all before it. landmarks: the queries nested in it, executed.
    """

    part: Phrase | Graded | Clause
    factors: Tensor
    landmarks: tuple[Execution, ...] = ()


@dataclass(frozen=True)
class Execution:
    """A query, executed. probabilities: N float64, each object's of being a referent; the product of the steps'."""

    query: Query
    steps: tuple[Step, ...]
    probabilities: Tensor

    def before(self, step: int) -> Tensor:
        """The product of the factors of the first steps."""
        factors = [entry.factors for entry in self.steps[:step]]
        return torch.stack(factors).prod(dim=0) if factors else torch.ones_like(self.probabilities)


class Executor:
    """Executes queries on one scene's objects. recognise: what says how well the objects fit a phrase."""

    def __init__(self, geometry: Geometry, recognise: Recognise, settings: GroundingSettings) -> None:
        self.geometry = geometry
        self.recognise = recognise
        self.settings = settings

    def run(self, query: Query) -> Execution:
        """Every step of a query; with no objects, nothing is a referent."""
        membership = self.recognise(query.phrase)
        steps = [Step(query.phrase, membership.fit)]
        members = membership.fit
        without = self.settings.without
        for attribute in membership.graded if "comparisons" not in without else ():
            steps.append(self.graded(attribute, members))
            members = members * steps[-1].factors
        for clause in query.clauses:
            if OPERATORS[type(clause)] in without:
                continue
            steps.append(self.clause(clause, members, query))
            members = members * steps[-1].factors
        return Execution(query, tuple(steps), members)

    def graded(self, attribute: Graded, members: Tensor) -> Step:
        """A relative attribute among the members."""
        values = axis_values(attribute.axis, self.geometry, self.settings)
        return Step(attribute, graded(members, ahead(values, attribute.end == FIRST[attribute.axis])))

    def clause(self, clause: Clause, members: Tensor, query: Query) -> Step:
        """One clause, on the members that are left."""
        if isinstance(clause, Relation):
            return self.relation(clause, members)
        if isinstance(clause, Rank):
            return self.rank(clause, members)
        if isinstance(clause, Position):
            plural = query.count.kind in PLURAL
            return Step(clause, position_factors(clause.places, members, self.geometry, self.settings, plural))
        if isinstance(clause, Except):
            other = self.run(clause.query)
            return Step(clause, 1 - other.probabilities, (other,))
        if isinstance(clause, Either):
            return self.either(clause, members)
        return self.negation(clause, members, query)

    def either(self, clause: Either, members: Tensor) -> Step:
        """Any of several queries; what they ask beyond the members, since they name the members again."""
        several = tuple(map(self.run, clause.queries))
        union = 1 - torch.stack([1 - one.probabilities for one in several]).prod(dim=0)
        return Step(clause, (union / members.clamp(min=TINY)).clamp(max=1), several)

    def negation(self, clause: Negation, members: Tensor, query: Query) -> Step:
        """The complement of a clause or of a phrase."""
        if isinstance(clause.of, Phrase):
            membership = self.recognise(clause.of)
            if not membership.told:
                return Step(clause, torch.ones_like(members))
            factors = membership.fit
            for attribute in membership.graded:
                factors = factors * self.graded(attribute, members).factors
            return Step(clause, 1 - factors)
        step = self.clause(clause.of, members, query)
        return Step(clause, 1 - step.factors, step.landmarks)

    def rank(self, clause: Rank, members: Tensor) -> Step:
        """The n-th along an axis."""
        landmarks: tuple[Execution, ...] = ()
        if clause.axis == "distance":
            landmarks = (self.run(clause.landmark),) if clause.landmark else ()
            likely = landmarks[0].probabilities if landmarks else members
            values = landmark_distance(self.geometry, identity(likely).shares, self.settings)
        else:
            values = axis_values(clause.axis, self.geometry, self.settings)
        before = ahead(values, clause.end == FIRST[clause.axis])
        factors = rank_factors(members, before, clause.n, self.settings.company)
        if landmarks:
            factors = factors * identity(likely).exists
        return Step(clause, factors, landmarks)

    def relation(self, clause: Relation, members: Tensor) -> Step:
        """A relation to a landmark, or, where none is named, to the other members."""
        landmarks = tuple(self.run(landmark) for landmark in clause.landmarks)
        likely = [landmark.probabilities for landmark in landmarks] or [members]
        several = bool(landmarks) and landmarks[0].query.count.kind in PLURAL
        unseen = self.settings.unseen
        if clause.kind == "between":
            factors = pair_factors(between_tensor(self.geometry, self.settings), likely[0], likely[-1], unseen)
        else:
            matrix = relation_matrix(clause.kind, self.geometry, self.settings)
            factors = torch.stack([relation_factors(matrix, one, several, unseen) for one in likely]).prod(dim=0)
        return Step(clause, factors, landmarks)
