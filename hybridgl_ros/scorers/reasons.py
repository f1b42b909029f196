"""Why nothing was found, in words: which part of the query no object satisfies."""

from __future__ import annotations

from hybridgl_ros.grounding.decision import Decision
from hybridgl_ros.grounding.execution import Execution, Graded
from hybridgl_ros.language.query import (
    Clause,
    Either,
    Except,
    Negation,
    Phrase,
    Position,
    Query,
    Rank,
    Relation,
    ordinal,
)

RELATIONS = {
    "left": "left of",
    "right": "right of",
    "front": "in front of",
    "far": "far from",
    "under": "under",
    "bigger": "bigger than",
    "smaller": "smaller than",
    "taller": "taller than",
    "shorter": "shorter than",
}
PLACES = {"middle": "in the middle", "near": "in the foreground", "far": "in the background"}
ENDS = {
    "tall": "from the tallest",
    "short": "from the shortest",
    "large": "from the largest",
    "small": "from the smallest",
}
DEPTH_RELATIONS = ("behind", "front")


def reason_of(decision: Decision) -> str:
    """One line, for example "there is a mug, but none that is left of the ball"."""
    failed = decision.failed or 0
    execution = decision.execution
    thing = str(execution.query.phrase)
    step = execution.steps[failed]
    missing = absent_landmark(step.landmarks) if not isinstance(step.part, (Except, Negation, Either)) else None
    chance = f"(best {decision.score:.2f})"
    if failed == 0:
        return f"there is no {thing} {chance}"
    if missing is not None:
        return f"there is {article(thing)}, but no {missing} {chance}"
    return f"there is {article(thing)}, but none that is {in_words(step.part)} {chance}"


def absent_landmark(landmarks: tuple[Execution, ...]) -> str | None:
    """The first landmark that is more probably not there."""
    for landmark in landmarks:
        if not len(landmark.probabilities) or float(landmark.probabilities.max()) < 0.5:
            return described(landmark.query)
    return None


def in_words(part: Phrase | Graded | Clause) -> str:
    """A part of a query as one would say it."""
    if isinstance(part, Relation):
        return (
            f"{RELATIONS.get(part.kind, part.kind)} {' and '.join(f'the {described(one)}' for one in part.landmarks)}"
        )
    if isinstance(part, Rank):
        end = ENDS.get(part.end, f"from the {part.end}")
        if part.landmark is not None:
            end = f"in distance to the {described(part.landmark)}"
        return f"the {ordinal(part.n)} {end}"
    if isinstance(part, Position):
        return " ".join(PLACES.get(place, f"at the {place}") for place in part.places)
    if isinstance(part, Negation):
        return f"not {in_words(part.of)}"
    if isinstance(part, Except):
        return f"other than the {described(part.query)}"
    if isinstance(part, Either):
        return " or ".join(f"the {described(one)}" for one in part.queries)
    return str(part)


def described(query: Query) -> str:
    """A nested query in words."""
    return " ".join([str(query.phrase), *map(in_words, query.clauses)])


def article(thing: str) -> str:
    """A noun phrase with its indefinite article."""
    return f"{'an' if thing[:1].lower() in 'aeiou' else 'a'} {thing}"


def uses_depth(query: Query) -> bool:
    """Whether the query, or one nested in it, asks what is nearer or farther."""
    return any(map(clause_uses_depth, query.clauses))


def clause_uses_depth(clause: Clause) -> bool:
    """Whether a clause, or one nested in it, asks what is nearer or farther."""
    if isinstance(clause, Relation):
        return clause.kind in DEPTH_RELATIONS or any(map(uses_depth, clause.landmarks))
    if isinstance(clause, Rank):
        return clause.axis == "depth" or (clause.landmark is not None and uses_depth(clause.landmark))
    if isinstance(clause, Position):
        return bool({"near", "far"}.intersection(clause.places))
    if isinstance(clause, Negation):
        return not isinstance(clause.of, Phrase) and clause_uses_depth(clause.of)
    return any(map(uses_depth, clause.queries if isinstance(clause, Either) else (clause.query,)))
