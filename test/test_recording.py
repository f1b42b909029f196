"""Recordings for Rerun: what is in them, read by the SDK itself."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import saved_recording
import torch
from PIL import Image

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.proposals import proposals_from_masks
from hybridgl_ros.recording import Recording, entity, labelled
from hybridgl_ros.types import Answer, Candidate, ClauseScore, Parse, Scene

EXPRESSION = "the red/blue mug?"
PLACE = "answers/the_red_blue_mug"


@pytest.fixture
def scene():
    masks = np.zeros((2, 6, 8), bool)
    masks[0, 1:3, 1:3] = True
    masks[1, :5, :6] = True
    depth = np.full((6, 8), 2.0, np.float32)
    depth[0] = np.nan
    picture, intrinsics = np.full((6, 8, 3), 7, np.uint8), np.diag([4.0, 4.0, 1.0])
    return Scene(
        picture, proposals_from_masks(masks), torch.zeros(2, 4), None, (0, 0), depth=depth, intrinsics=intrinsics
    )


@pytest.fixture
def answer(scene):
    candidates = tuple(
        Candidate(index, mask, (0.0,) * 4, 0.5, 0.25, *[0.0] * 4) for index, mask in enumerate(scene.proposals.masks)
    )
    clauses = (ClauseScore("mug", "phrase", np.array([0.9, 0.2], np.float32)),)
    ramp = torch.linspace(0, 1, 48).view(6, 8)
    maps = SimpleNamespace(localisation=ramp, guidance=ramp)
    parse = Parse(EXPRESSION, EXPRESSION, "mug", "mug")
    return Answer(
        True, candidates[0].mask, 0.5, 0.25, 0.1, candidates, parse, maps=maps, clauses=clauses, query=Query()
    )


class Query:
    def __str__(self) -> str:
        return "mug"


ENTITIES = {
    *("camera", "answers"),
    *("camera/image", "camera/depth", "camera/cloud", "proposals"),
    *(
        f"{PLACE}/{name}"
        for name in ("text", "mask", "maps/localisation", "maps/guidance", "candidates", "clauses/mug")
    ),
}


class Logged(tuple):
    def compress(self, **options) -> Logged:
        return self


class FakeSdk:
    """Takes down what is logged, as the SDK would."""

    def __init__(self) -> None:
        self.logged: dict[str, list[tuple[int, str, tuple]]] = {}
        self.calls: list[str] = []
        self.frame = -1

    def __getattr__(self, kind: str):
        return lambda *values, **options: Logged((kind, values))

    def RecordingStream(self, name: str) -> FakeSdk:
        self.calls.append(name)
        return self

    def save(self, target: str) -> None:
        self.calls.append(f"save {target}")

    def spawn(self) -> None:
        self.calls.append("spawn")

    def flush(self) -> None:
        self.calls.append("flush")

    def disconnect(self) -> None:
        self.calls.append("disconnect")

    def set_time(self, line: str, *, sequence: int) -> None:
        self.frame = sequence

    def log(self, place: str, what: tuple[str, tuple]) -> None:
        self.logged.setdefault(place, []).append((self.frame, *what))


@pytest.fixture
def sdk(monkeypatch) -> FakeSdk:
    fake = FakeSdk()
    monkeypatch.setitem(sys.modules, "rerun", fake)
    return fake


def test_every_frame_and_answer_is_logged_at_its_time(sdk, scene, answer):
    with Recording("spawn") as recording:
        recording.frame(scene)
        recording.frame(scene)
        recording.answer(EXPRESSION, answer)
    assert sdk.calls == ["hybridgl", "spawn", "flush", "disconnect"]
    assert set(sdk.logged) == ENTITIES
    assert [entry[0] for entry in sdk.logged["camera/image"]] == [0, 1]
    assert [entry[0] for entry in sdk.logged[f"{PLACE}/mask"]] == [1]
    (_, kind, (points,)) = sdk.logged["camera/cloud"][0]
    assert kind == "Points3D" and points.shape == (40, 3) and (points[:, 2] == 2).all()
    (_, _, (values,)) = sdk.logged[f"{PLACE}/clauses/mug"][0]
    assert values.tolist() == pytest.approx([0.9, 0.2])


def test_smaller_proposals_lie_on_larger_ones(scene):
    labels = labelled(scene.proposals, scene.size)
    assert labels.dtype == np.uint16
    assert (labels[scene.proposals.masks[0]] == 1).all() and labels[4, 5] == 2 and labels[5, 7] == 0


@pytest.mark.parametrize(("text", "expected"), [("a mug", "a_mug"), ("?", "_"), ("Größe/2", "Größe_2")])
def test_a_text_is_one_part_of_a_path(text, expected):
    assert entity(text) == expected


def test_other_files_and_a_missing_sdk_are_refused_in_a_line(monkeypatch, hybridgl, tmp_path):
    with pytest.raises(ConfigError, match=r"FILE\.rrd"):
        Recording("out.png")
    monkeypatch.setitem(sys.modules, "rerun", None)
    Image.new("RGB", (32, 24)).save(tmp_path / "picture.png")
    code, _, errors = hybridgl(
        "segment", tmp_path / "picture.png", "a mug", "--out", tmp_path, "--rerun", tmp_path / "r.rrd"
    )
    assert code == 2 and "pip install 'hybridgl-ros[rerun]'" in errors and errors.count("\n") == 1


def test_a_saved_recording_is_read_by_the_sdk(scene, answer, tmp_path):
    file = tmp_path / "saved.rrd"
    with Recording(str(file)) as recording:
        recording.frame(scene)
        recording.answer(EXPRESSION, answer)
    found = saved_recording.lines(file)
    assert {f"/{name}" for name in ENTITIES} <= found.keys()
    assert found["/camera/image"] == {"frame": {0}}


def test_an_earlier_recording_is_replaced_by_a_new_one_only(scene, tmp_path):
    file = tmp_path / "saved.rrd"
    with Recording(str(file)):
        pass
    assert saved_recording.lines(file) == {}
    with Recording(str(file)) as recording:
        recording.frame(scene)
    before = file.read_bytes()
    with Recording(str(file)):
        pass
    assert file.read_bytes() == before
    with pytest.raises(ConfigError, match="cannot be written"):
        Recording(str(tmp_path / "nowhere" / "saved.rrd"))
