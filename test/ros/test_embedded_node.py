"""The executables with the models that ship: a picture of the held-out set, an expression, the right pixels."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from std_msgs.msg import Header

from hybridgl_ros.models.cache import weights_path
from hybridgl_ros.models.registry import find_checkpoint
from hybridgl_ros.pixels import unpack_rows
from hybridgl_ros.ros.conversion import image_message
from hybridgl_ros.ros.demo import KINDS, choose_questions
from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path

LOADING_TIME = 600.0


@pytest.fixture(scope="module")
def scenes() -> TabletopSet:
    return TabletopSet(heldout_path())


def test_questions_are_the_first_of_each_kind(scenes: TabletopSet) -> None:
    questions = choose_questions(scenes)
    assert [question.expression.kind for question in questions] == list(KINDS)
    assert len({question.scene for question in questions}) == len(KINDS)
    for place, question in enumerate(questions):
        taken = {earlier.scene for earlier in questions[:place]}
        for index in set(range(question.scene)) - taken:
            kinds = {entry.kind for entry in scenes[index].expressions if entry.instance is not None}
            assert question.expression.kind not in kinds


def test_the_node_finds_an_object_over_dds(start, scenes: TabletopSet) -> None:
    node = start(program=("-m", "hybridgl_ros.ros.segment_node"))
    node.client.timeout = LOADING_TIME
    node.wait_for_models()
    question = choose_questions(scenes)[0]
    scene = scenes[question.scene]
    response = node.client.refer(
        question.expression.text, image_message(scene.image, "rgb8", Header(frame_id="optical")), candidates=3
    )
    assert response.success, response.message
    assert [entry.found for entry in response.objects] == [True, *[False] * (len(response.objects) - 1)]
    found = response.objects[0]
    mask = unpack_rows(found.mask) > 0
    truth = scene.mask(question.expression.instance)
    assert mask.shape == truth.shape
    assert (mask & truth).sum() > (mask ^ truth).sum()
    assert found.roi.width > 0
    assert node.client.refer("the thing", image_message(scene.image, "rgb8", Header())).success


@pytest.mark.parametrize("damaged", [False, True])
def test_missing_or_damaged_weights_are_answered_with_the_command(
    start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scenes: TabletopSet, damaged: bool
) -> None:
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path))
    if damaged:
        file = weights_path(find_checkpoint("sam_vit_b"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"half a file")
    node = start("-p", "models.sam:=sam_vit_b", program=("-m", "hybridgl_ros.ros.segment_node"))
    node.client.timeout = LOADING_TIME
    node.wait_for_models("failed")
    image = image_message(scenes[0].image, "rgb8", Header())
    for _ in range(2):
        response = node.client.refer("the mug", image)
        assert not response.success
        assert "hybridgl download sam_vit_b" in response.message
    assert node.process.poll() is None


def test_the_demo_writes_five_answers(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hybridgl_ros.ros.demo", "--output", str(tmp_path)]
    subprocess.run(command, check=True, timeout=2 * LOADING_TIME)
    answers = json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))
    assert len(answers) == len(KINDS)
    assert all(set(answer) == {"expression", "found", "score", "iou", "latency_ms"} for answer in answers)
    assert all(answer["latency_ms"] > 0 and 0 <= answer["iou"] <= 1 for answer in answers)
    assert (tmp_path / "contact_sheet.png").stat().st_size > 0
