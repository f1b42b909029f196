"""segment_image on bags; what it does with a picture is the CLI's and tested there."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from hybridgl_ros.drawing import read_image, write_image
from hybridgl_ros.evaluation.datasets.bag import frames_of
from hybridgl_ros.evaluation.datasets.bag_file import Topics, write_bag
from hybridgl_ros.evaluation.datasets.tabletop import TabletopDataset
from hybridgl_ros.ros import segment_image
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.tabletop.dataset import heldout_path

FRAMES = 2
EXPRESSIONS = ("the mug", "the ball on the left")


@pytest.fixture
def frames() -> Iterator:
    return islice(frames_of(TabletopDataset(heldout_path())), FRAMES)


@pytest.fixture(autouse=True)
def segmenter(monkeypatch: pytest.MonkeyPatch, make_segmenter) -> None:
    """The left and the right half of the picture as the only proposals, and a tiny random CLIP."""
    halves = np.zeros((2, 240, 320), bool)
    halves[0, :, :160] = halves[1, :, 160:] = True
    made = make_segmenter(halves)
    monkeypatch.setattr(ReferringSegmenter, "load", lambda config: made)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["segment_image", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        segment_image.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("compressed", [False, True])
def test_every_frame_and_expression_is_answered(monkeypatch, tmp_path: Path, frames, compressed: bool) -> None:
    bag, out = tmp_path / "bag", tmp_path / "out"
    write_bag(frames, bag, storage="mcap", compressed=compressed)
    assert call(monkeypatch, bag, *EXPRESSIONS, "--out", out) == 0
    lines = [json.loads(line) for line in (out / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["expression"] for line in lines] == [*EXPRESSIONS, *EXPRESSIONS]
    assert [line["stamp"] for line in lines[::2]] == [1_000_000_000, 1_100_000_000]
    for line in lines:
        assert read_image(out / line["overlay"]).shape == (240, 320, 3)


def test_the_limit_ends_early(monkeypatch, tmp_path: Path, frames: Iterator) -> None:
    bag, out = tmp_path / "bag", tmp_path / "out"
    write_bag(frames, bag)
    assert call(monkeypatch, bag, "the mug", "--out", out, "--limit", "1") == 0
    assert len((out / "answers.jsonl").read_text(encoding="utf-8").splitlines()) == 1


def test_several_image_topics_need_a_choice(monkeypatch, tmp_path: Path, frames: Iterator, capsys) -> None:
    bag, out = tmp_path / "bag", tmp_path / "out"
    write_bag(frames, bag, topics=Topics(image="/left"))
    assert call(monkeypatch, bag, "the mug", "--out", out) == 2
    assert "/left" in capsys.readouterr().err
    assert call(monkeypatch, bag, "the mug", "--out", out, "--topic", "/left", "--limit", "1") == 0


def test_a_folder_that_is_no_bag(monkeypatch, tmp_path: Path, capsys) -> None:
    assert call(monkeypatch, tmp_path, "the mug") == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_a_picture_goes_to_the_command_line(monkeypatch, tmp_path: Path) -> None:
    write_image(tmp_path / "photo.png", np.full((240, 320, 3), 90, np.uint8))
    code = call(monkeypatch, tmp_path / "photo.png", "the mug on the left", "--out", tmp_path / "out")
    assert code == 0
    assert len(list((tmp_path / "out").glob("*-overlay.png"))) == 1
