"""Expressions that people wrote for the shipped validation scenes, each with a program that says what it means.

One JSON object a line, empty lines aside::

    {"scene": "validation-1-7", "text": "both of the cups on the left", "kind": "plural", "instances": [1, 4],
     "program": [["mug"], ["at", "left"]], "writer": "A"}

``instances`` is empty when nothing in the scene is meant; ``program`` is explained in `oracle`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .dataset import Expression, TabletopSetError
from .oracle import Program, Unclear, parts

FIELDS: dict[str, type] = {
    "scene": str,
    "text": str,
    "kind": str,
    "instances": list,
    "program": list,
    "writer": str,
}


@dataclass(frozen=True)
class Written:
    """One line: an expression, the scene it is for, its program and who wrote it."""

    scene: str
    expression: Expression
    program: Program
    writer: str


def people_path(name: str = "people") -> Path:
    """The expressions that ship with the package: `people`, or `people_fresh` of other scenes by other writers."""
    return Path(__file__).with_name(f"{name}.jsonl")


def read_people(path: str | os.PathLike[str] | None = None) -> tuple[Written, ...]:
    """All lines of a file, the shipped one by default.

    Raises TabletopSetError, naming file and line, when it cannot be read, a line is damaged, or an expression is there
    twice.
    """
    path = people_path() if path is None else Path(path)
    try:
        # Not splitlines: texts may hold what it takes for the end of a line.
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise TabletopSetError(f"{path}: cannot be read ({error})") from error
    found: dict[tuple[str, str], Written] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            written = _read(line, f"{path}, line {number}")
            key = written.scene, written.expression.text
            if key in found:
                raise TabletopSetError(f"{path}, line {number}: {key[1]!r} is there twice for scene {key[0]}")
            found[key] = written
    if not found:
        raise TabletopSetError(f"{path}: holds no expression")
    return tuple(found.values())


def _read(line: str, place: str) -> Written:
    try:
        entry: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise TabletopSetError(f"{place}: not JSON ({error})") from error
    if not isinstance(entry, dict) or set(entry) != set(FIELDS):
        raise TabletopSetError(f"{place}: wants an object with {', '.join(FIELDS)} and nothing else")
    for name, kind in FIELDS.items():
        if not isinstance(entry[name], kind) or (kind is str and not entry[name].strip()):
            raise TabletopSetError(f"{place}: {name} is no {'text' if kind is str else 'list'}: {entry[name]!r}")
    instances = entry["instances"]
    if not all(type(instance) is int and instance > 0 for instance in instances):
        raise TabletopSetError(f"{place}: instances are numbers above 0, got {instances!r}")
    if len(set(instances)) < len(instances):
        raise TabletopSetError(f"{place}: instances holds one twice: {instances!r}")
    if (entry["kind"] == "absent") != (not instances):
        raise TabletopSetError(
            f"{place}: kind {entry['kind']!r} with instances {instances!r}: absent has none, others some"
        )
    try:
        parts(entry["program"])
    except Unclear as error:
        raise TabletopSetError(f"{place}: {error}") from error
    expression = Expression.naming(instances, entry["text"], entry["kind"])
    return Written(entry["scene"], expression, entry["program"], entry["writer"])
