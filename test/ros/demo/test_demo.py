"""The demo: what it asks, and that it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hybridgl_ros.evaluation.datasets.tabletop import of_people
from hybridgl_ros.ros.demo.replies import KINDS, choose_questions
from hybridgl_ros.tabletop.dataset import TabletopSet, validation_path

RUNNING_TIME = 1200.0


def test_questions_are_the_first_of_each_kind() -> None:
    scenes = TabletopSet(validation_path())
    questions = choose_questions(scenes)
    assert [question.kind for question in questions] == list(KINDS)
    assert len({question.scene for question in questions}) == len(KINDS)
    said = {scene: [] for scene in range(len(scenes))}
    for index, expressions in of_people(scenes):
        said[index] = expressions
    for place, question in enumerate(questions):
        assert question.expression.kind == KINDS[question.kind]
        taken = {earlier.scene for earlier in questions[:place]}
        for index in set(range(question.scene)) - taken:
            assert question.expression.kind not in {entry.kind for entry in said[index]}


def test_the_demo_writes_an_answer_of_each_kind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hybridgl_ros.ros.demo", "--output", str(tmp_path)]
    subprocess.run(command, check=True, timeout=RUNNING_TIME)
    answers = json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))
    assert [answer["kind"] for answer in answers] == list(KINDS)
    fields = {"expression", "kind", "query", "expected_found", "found", "score", "iou", "latency_ms"}
    for answer in answers:
        assert set(answer) == fields
        assert answer["query"] and answer["latency_ms"] > 0
        assert answer["expected_found"] == (answer["kind"] != "absent")
        assert 0 <= answer["iou"] <= 1 if answer["expected_found"] else answer["iou"] is None
    assert (tmp_path / "contact_sheet.png").stat().st_size > 0
