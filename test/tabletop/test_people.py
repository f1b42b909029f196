"""What people wrote: read line by line, and each line of the shipped file true of its scene."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hybridgl_ros.tabletop.dataset import TabletopSet, TabletopSetError, validation_path
from hybridgl_ros.tabletop.oracle import referents
from hybridgl_ros.tabletop.people import people_path, read_people

LINE = {
    "scene": "s-1",
    "text": "both cups",
    "kind": "plural",
    "instances": [4, 1],
    "program": [["mug"]],
    "writer": "A",
}


def write(folder: Path, *lines: dict[str, Any] | str) -> Path:
    path = folder / "people.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def test_a_line_is_an_expression_with_its_program(tmp_path: Path) -> None:
    one = LINE | {"text": "the tin\u2028can", "kind": "attribute", "instances": [2]}
    none = LINE | {"text": "a cone?", "kind": "absent", "instances": []}
    first, second, third = read_people(write(tmp_path, LINE, "", one, none))
    assert (first.scene, first.program, first.writer) == ("s-1", [["mug"]], "A")
    assert (first.expression.instances, first.expression.instance) == ((1, 4), None)
    assert (second.expression.instances, second.expression.instance) == ((2,), 2)
    assert (third.expression.instances, third.expression.instance) == ((), None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: wants an object with scene, text, kind"),
        (LINE | {"note": ""}, "line 2: wants an object with scene, text, kind"),
        (LINE | {"text": " "}, "line 2: text is no text: ' '"),
        (LINE | {"instances": 4}, "line 2: instances is no list: 4"),
        (LINE | {"instances": [True]}, "line 2: instances are numbers above 0"),
        (LINE | {"instances": [1, 1]}, "line 2: instances holds one twice"),
        (LINE | {"kind": "absent"}, "line 2: kind 'absent' with instances"),
        (LINE | {"instances": []}, "line 2: kind 'plural' with instances"),
        (LINE | {"program": []}, "line 2: not a program"),
        (LINE | {"program": ["mug"]}, "line 2: a program starts with a list of words"),
        (LINE, "line 2: 'both cups' is there twice for scene s-1"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: dict[str, Any] | str, message: str) -> None:
    with pytest.raises(TabletopSetError, match=f"people.jsonl, {message}"):
        read_people(write(tmp_path, LINE, line))


def test_a_missing_or_empty_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TabletopSetError, match="none.jsonl: cannot be read"):
        read_people(tmp_path / "none.jsonl")
    with pytest.raises(TabletopSetError, match="people.jsonl: holds no expression"):
        read_people(write(tmp_path, ""))


@pytest.mark.parametrize("name", ["people", "people_fresh"])
def test_a_shipped_file_is_true_of_its_scenes_and_large_enough(name: str) -> None:
    lines = read_people(people_path(name))
    scenes = TabletopSet(validation_path())
    positions = {scenes.record(index)["id"]: index for index in range(len(scenes))}
    for identity in dict.fromkeys(line.scene for line in lines):
        scene = scenes[positions[identity]]
        for line in lines:
            if line.scene == identity:
                assert referents(scene, line.program) == set(line.expression.instances), line
    assert len(lines) >= 300
    assert len({line.scene for line in lines}) >= 60
    assert len({line.writer for line in lines}) >= 3
    kinds = Counter(line.expression.kind for line in lines)
    assert min(kinds.values()) >= 15, kinds
    assert {"plural", "absent"} < set(kinds)


def test_fresh_expressions_are_of_other_scenes() -> None:
    fresh = {line.scene for line in read_people(people_path("people_fresh"))}
    assert fresh.isdisjoint(line.scene for line in read_people())
