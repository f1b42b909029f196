"""What an answer is made of, whichever method found it: named parts with a value for every candidate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hybridgl_ros.presentation import reading, score_name
from hybridgl_ros.reference import Row
from hybridgl_ros.types import Answer, Candidate

PARTIAL_SCORES = {
    "similarity": "similarity with the text, Eq. 3",
    "relation": "relation to the others, Eq. 5",
    "semantic": "semantic score in Eq. 9",
    "guidance": "spatial guidance, Eq. 8",
    "spatial": "spatial score in Eq. 9",
}
"""The parts of an answer by Eq. 9, by their names in `Candidate`."""
NOT_THERE = "–"


@dataclass(frozen=True)
class Part:
    """One part of an answer.

    text: the clause as the query prints it, or the partial score's name. kind: see `ClauseScore`, or score.
    values: one a candidate, in the candidates' order; a probability, or for kind score a number without bounds, NaN
    where it does not apply. landmarks: places among the candidates, see `ClauseScore`.
    """

    text: str
    kind: str
    values: tuple[float, ...]
    landmarks: tuple[int, ...] = ()


def parts_of(answer: Answer) -> tuple[Part, ...]:
    """The clauses of a query, or the partial scores that Eq. 9 fuses, as far as any candidate has them."""
    if answer.query is not None:
        return tuple(
            Part(clause.text, clause.kind, tuple(map(float, clause.probabilities)), clause.landmarks)
            for clause in answer.clauses
        )
    scores = [
        Part(text, "score", tuple(float(getattr(entry, name)) for entry in answer.candidates))
        for name, text in PARTIAL_SCORES.items()
    ]
    return tuple(part for part in scores if not all(map(math.isnan, part.values)))


def total_of(answer: Answer) -> Part:
    """What the parts make together."""
    text = score_name(answer) if answer.query is not None else "score, Eq. 9"
    kind = "total" if answer.query is not None else "score"
    return Part(text, kind, tuple(entry.score for entry in answer.candidates))


def value_text(part: Part, place: int) -> str:
    """A candidate's value; probabilities with two digits, scores with three."""
    value = part.values[place]
    if math.isnan(value):
        return NOT_THERE
    return f"{value:.3f}" if part.kind == "score" else f"{value:.2f}"


def role_of(answer: Answer, candidate: Candidate) -> str:
    """referent, landmark or candidate."""
    if any(entry.index == candidate.index for entry in answer.objects):
        return "referent"
    return "landmark" if any(entry.index == candidate.index for entry in answer.landmarks) else "candidate"


def shown_places(answer: Answer, count: int) -> list[int]:
    """Places of the candidates to show: the `count` best, and every referent and landmark."""
    wanted = {entry.index for entry in (*answer.objects, *answer.landmarks)}
    return [place for place, entry in enumerate(answer.candidates) if place < count or entry.index in wanted]


def headings(answer: Answer, places: Sequence[int]) -> list[str]:
    """The candidates' numbers, from 1, with what they are."""
    roles = [role_of(answer, answer.candidates[place]) for place in places]
    return [
        f"{place + 1}" if role == "candidate" else f"{place + 1} {role}"
        for place, role in zip(places, roles, strict=True)
    ]


def reading_lines(answer: Answer) -> list[str]:
    """The reading that was executed, then the other ones."""
    lines = [f"query       {reading(answer)}"]
    return [*lines, *(f"or          {other}" for other in answer.alternatives)]


def clause_table(answer: Answer, count: int) -> list[Row]:
    """Parts by candidates, as rows of texts; the last row is the total. Without candidates there are no rows."""
    places = shown_places(answer, count)
    names = headings(answer, places)
    if not places:
        return []
    return [
        {
            "clause": part.text,
            **{name: value_text(part, place) for name, place in zip(names, places, strict=True)},
        }
        for part in (*parts_of(answer), total_of(answer))
    ]
