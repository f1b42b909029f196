"""An answer as text for a person and as JSON for a program."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hybridgl_ros.types import Answer


def record(answer: Answer, count: int) -> dict[str, Any]:
    """An answer with its `count` best candidates, without pixels, as JSON can hold it."""
    return {
        "found": answer.found,
        "score": answer.score,
        "similarity": answer.similarity,
        "margin": answer.margin,
        "box": answer.box,
        "reason": answer.reason,
        "notes": list(answer.notes),
        "parse": asdict(answer.parse),
        "candidates": [
            {"box": candidate.box, "score": candidate.score, "similarity": candidate.similarity}
            for candidate in answer.candidates[:count]
        ],
        "timings": answer.timings,
    }


def report(expression: str, answer: Answer, count: int) -> str:
    """An answer with its `count` best candidates in a few lines."""
    lines = [f"{expression}: {'found' if answer.found else 'not found'}"]
    if answer.reason:
        lines.append(f"  reason      {answer.reason}")
    for rank, candidate in enumerate(answer.candidates[:count]):
        role = "referent" if answer.found and rank == 0 else "candidate"
        lines.append(
            f"  {role:11} score {candidate.score:.3f}, similarity {candidate.similarity:.3f}, {box_text(candidate.box)}"
        )
    lines.append(f"  understood  {understood(answer)}")
    lines += [f"  note        {note}" for note in answer.notes]
    taken = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in answer.timings.items())
    return "\n".join([*lines, f"  seconds     {taken}"])


def understood(answer: Answer) -> str:
    """What the parser made of the expression, leaving out what is not there."""
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
