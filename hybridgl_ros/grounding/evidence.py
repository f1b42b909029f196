"""How much the steps of a query tell whether anything is meant at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hybridgl_ros.grounding.execution import Graded, Step
from hybridgl_ros.language.query import Phrase, Position, Rank
from hybridgl_ros.settings import DecisionSettings

TINY = 1e-12


@dataclass(frozen=True)
class Evidence:
    """What speaks for one object, by kind of step: natural logarithms of the product of the steps' probabilities.

    order: of ranks and comparisons. relation: of all clauses but ranks and positions. clauses: steps but the phrase.
    """

    phrase: float = 0.0
    relation: float = 0.0
    order: float = 0.0
    position: float = 0.0
    clauses: int = 0


def evidence_for(steps: Sequence[Step], i: int) -> Evidence:
    """What an executed query's steps say of the object with this index."""
    logs = dict.fromkeys(("phrase", "relation", "order", "position"), 0.0)
    for step in steps:
        logs[kind_of(step)] += math.log(max(float(step.factors[i]), TINY))
    return Evidence(**logs, clauses=sum(not isinstance(step.part, Phrase) for step in steps))


def kind_of(step: Step) -> str:
    """The field of `Evidence` that a step belongs to."""
    if isinstance(step.part, Phrase):
        return "phrase"
    if isinstance(step.part, (Rank, Graded)):
        return "order"
    return "position" if isinstance(step.part, Position) else "relation"


def log_odds(evidence: Evidence, settings: DecisionSettings) -> float:
    """Log odds that the object is meant: temperature · logit Π f^weight + clause · clauses + bias.

    With all weights 1 and clause 0 the product is the probability that the query was executed to.
    """
    log = (
        evidence.phrase
        + settings.relation * evidence.relation
        + settings.order * evidence.order
        + settings.position * evidence.position
    )
    return settings.temperature * logit_of(log) + settings.clause * evidence.clauses + settings.bias


def logit_of(log: float) -> float:
    """Log odds of a probability that is given by its logarithm, both cut at `TINY`."""
    log = min(log, math.log1p(-TINY))
    return max(log - math.log(-math.expm1(log)), math.log(TINY))
