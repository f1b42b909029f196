"""An answer as text for a person and as JSON for a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from hybridgl_ros.types import Answer, Candidate


def record(answer: Answer, count: int) -> dict[str, Any]:
    """An answer with its referents and its `count` best candidates, without pixels, as JSON can hold it."""
    return {
        "found": answer.found,
        "score": answer.score,
        "similarity": answer.similarity,
        "margin": answer.margin,
        "box": answer.box,
        "reason": answer.reason,
        "notes": list(answer.notes),
        "query": None if answer.query is None else str(answer.query),
        "alternatives": list(map(str, answer.alternatives)),
        "parse": asdict(answer.parse),
        "objects": entries(answer.objects),
        "candidates": entries(answer.candidates[:count]),
        "clauses": [
            {"text": clause.text, "kind": clause.kind, "probabilities": clause.probabilities[:count].tolist()}
            for clause in answer.clauses
        ],
        "timings": answer.timings,
    }


def entries(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Candidates as JSON can hold them."""
    return [{"box": entry.box, "score": entry.score, "similarity": entry.similarity} for entry in candidates]


def report(expression: str, answer: Answer, count: int) -> str:
    """An answer with its `count` best candidates in a few lines."""
    several = f" ({len(answer.objects)})" if len(answer.objects) > 1 else ""
    lines = [f"{expression}: {'found' if answer.found else 'not found'}{several}"]
    if answer.reason:
        lines.append(f"  reason      {answer.reason}")
    referents = {entry.index for entry in answer.objects}
    name = score_name(answer)
    for candidate in answer.candidates[: max(count, len(referents))]:
        role = "referent" if candidate.index in referents else "candidate"
        lines.append(
            f"  {role:11} {name} {candidate.score:.3f}, similarity {candidate.similarity:.3f}, "
            f"{box_text(candidate.box)}"
        )
    lines.append(f"  understood  {reading(answer)}")
    lines += [f"  note        {note}" for note in answer.notes]
    taken = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in answer.timings.items())
    return "\n".join([*lines, f"  seconds     {taken}"])


def score_name(answer: Answer) -> str:
    """What a score of the answer is."""
    return "score" if answer.query is None else "probability"


def reading(answer: Answer) -> str:
    """How the expression was read, in one line: the query, or what the paper's parser made of it."""
    return understood(answer) if answer.query is None else str(answer.query)


def understood(answer: Answer) -> str:
    """What the paper's parser made of the expression, leaving out what is not there."""
    parse = answer.parse
    parts = [f"target {parse.target!r}"]
    parts += [
        f"{name} {value}" for name in ("relation", "position", "size") if (value := getattr(parse, name)) != "none"
    ]
    if parse.others:
        parts.append(f"others {', '.join(map(repr, parse.others))}")
    return "; ".join(parts)


def box_text(box: tuple[float, float, float, float]) -> str:
    """XYWH in pixels as `width×height at (x, y)`."""
    x, y, width, height = box
    return f"{width:.0f}×{height:.0f} px at ({x:.0f}, {y:.0f})"
