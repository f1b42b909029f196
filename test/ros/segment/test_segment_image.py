"""segment_image on bags; what it does with a picture is the CLI's and tested there."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rosbags.rosbag2 import Writer
from rosbags.typesys import Stores, get_typestore

from hybridgl_ros.drawing import read_image, write_image
from hybridgl_ros.evaluation.datasets.bag import frames_of
from hybridgl_ros.evaluation.datasets.bag_file import COMPRESSED_IMAGE, IMAGE, Topics, write_bag
from hybridgl_ros.evaluation.datasets.tabletop import TabletopDataset
from hybridgl_ros.ros.segment import segment_image
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


def record(path: Path, *messages: tuple[str, dict]) -> Path:
    """A bag of messages (kind, content) on /image, a second apart."""
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(path, version=8) as writer:
        connection = writer.add_connection("/image", messages[0][0], typestore=store)
        for second, (kind, content) in enumerate(messages, start=1):
            stamp = store.types["builtin_interfaces/msg/Time"](sec=second, nanosec=0)
            header = store.types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera")
            message = store.types[kind](header=header, **content)
            writer.write(connection, second, store.serialize_cdr(message, kind))
    return path


def jpeg(orientation: int) -> bytes:
    """320×240 pixels with an orientation in the EXIF data."""
    picture, written = Image.new("RGB", (320, 240), (9, 90, 200)), io.BytesIO()
    tags = picture.getexif()
    tags[0x0112] = orientation
    picture.save(written, "jpeg", exif=tags)
    return written.getvalue()


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_turned_file_is_upright_and_a_turned_frame_of_a_bag_as_stored(
    monkeypatch, tmp_path: Path, orientation: int
) -> None:
    frame = {"format": "jpeg", "data": np.frombuffer(jpeg(orientation), np.uint8)}
    bag = record(tmp_path / "bag", (COMPRESSED_IMAGE, frame))
    assert call(monkeypatch, bag, "the mug", "--out", tmp_path / "out") == 0
    assert read_image(tmp_path / "out" / "000000-0.png").shape == (240, 320, 3)
    (tmp_path / "photo.jpg").write_bytes(jpeg(orientation))
    upright = (320, 240) if orientation == 6 else (240, 320)
    assert read_image(tmp_path / "photo.jpg").shape == (*upright, 3)


def test_a_frame_that_cannot_be_read_is_named(monkeypatch, tmp_path: Path, capsys) -> None:
    pixels = np.zeros((240, 320, 3), np.float32)
    content = {"height": 240, "width": 320, "encoding": "32FC3", "is_bigendian": 0, "step": 3840,
               "data": pixels.view(np.uint8).ravel()}  # fmt: skip
    bag = record(tmp_path / "bag", (IMAGE, content))
    assert call(monkeypatch, bag, "the mug", "--out", tmp_path / "out") == 2
    assert "bag: image 1000000000 on /image: encoding '32FC3' does not say" in capsys.readouterr().err


def test_a_picture_goes_to_the_command_line(monkeypatch, tmp_path: Path) -> None:
    write_image(tmp_path / "photo.png", np.full((240, 320, 3), 90, np.uint8))
    code = call(monkeypatch, tmp_path / "photo.png", "the mug on the left", "--out", tmp_path / "out")
    assert code == 0
    assert len(list((tmp_path / "out").glob("*-overlay.png"))) == 1
