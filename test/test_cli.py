"""The command: exit codes, messages and files."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from hybridgl_ros import cli, commands
from hybridgl_ros.commands.options import parsed
from hybridgl_ros.commands.segment import file_stems
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.models.registry import checkpoints
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.settings import descriptions


@pytest.fixture
def photo(tmp_path, picture) -> Path:
    Image.fromarray(picture).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def asked(monkeypatch, make_segmenter, four_masks):
    """Segments with a tiny model; collects what the command asked for. Set `masks` to change the proposals."""
    seen = SimpleNamespace(masks=four_masks, config=None)

    def load(config):
        seen.config = config
        return make_segmenter(seen.masks)

    monkeypatch.setattr(ReferringSegmenter, "load", load)
    return seen


def test_segment_saves_mask_and_overlay_and_says_what_it_understood(hybridgl, asked, photo, tmp_path, picture):
    code, out, _ = hybridgl("segment", photo, "the red mug on the left", "--out", tmp_path / "out")
    assert code == 0
    assert "the red mug on the left: found" in out
    assert "target 'the red mug" in out
    assert "position left" in out
    mask = np.asarray(Image.open(tmp_path / "out" / "photo-the-red-mug-on-the-left-mask.png"))
    overlay = np.asarray(Image.open(tmp_path / "out" / "photo-the-red-mug-on-the-left-overlay.png"))
    assert any(np.array_equal(mask > 0, proposal) for proposal in asked.masks)
    assert overlay.shape == picture.shape


def test_segment_prints_json_lines(hybridgl, asked, photo, tmp_path):
    code, out, _ = hybridgl("segment", photo, "a cup", "A cup!", "--json", "--out", tmp_path, "--candidates", 2)
    assert code == 0
    first, second = map(json.loads, out.splitlines())
    assert (first["expression"], first["found"]) == ("a cup", True)
    assert len(first["candidates"]) == 2
    assert first["candidates"][0]["box"] == first["box"]
    assert first["files"]["mask"] != second["files"]["mask"]
    assert Path(second["files"]["overlay"]).is_file()


def test_segment_passes_its_options_on(hybridgl, asked, photo, tmp_path):
    mine = "models: {sam: sam_tabletop, clip: clip_tabletop, spacy: auto, device: auto, dtype: float32}"
    (tmp_path / "mine.yaml").write_text(mine)
    hybridgl(
        "segment",
        photo,
        "a cup",
        "--config",
        tmp_path / "mine.yaml",
        "--preset",
        "official",
        "--device",
        "cpu",
        "--set",
        "fusion.alpha=0.5",
        "--set",
        "guidance.positions=[left]",
        "--out",
        tmp_path,
    )
    assert asked.config.models.device == "cpu"
    assert asked.config.fusion.normalise_guidance is False
    assert asked.config.fusion.alpha == 0.5 and asked.config.guidance.positions == ["left"]


def test_segment_exits_with_1_when_nothing_is_found(hybridgl, asked, photo, tmp_path, picture):
    asked.masks = np.zeros((0, *picture.shape[:2]), bool)
    code, out, err = hybridgl("segment", photo, "a cup", "--out", tmp_path)
    assert code == 1
    assert "a cup: not found" in out
    assert "no mask proposals" in out
    assert not err
    assert not np.asarray(Image.open(tmp_path / "photo-a-cup-mask.png")).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segment", "missing.jpg", "a cup"], "missing.jpg: not readable as a picture"),
        (["segment", "PHOTO", " "], "the expression is empty"),
        (["segment", "PHOTO", "a cup", "--set", "fusion.alpha"], "--set wants NAME=VALUE, got 'fusion.alpha'"),
        (["segment", "PHOTO", "a cup", "--set", "fusion.alpha=["], "not readable as a value"),
        (["segment", "PHOTO", "a cup", "--set", "fusion.alfa=1"], "did you mean 'fusion.alpha'?"),
        (["segment", "PHOTO", "a cup", "--set", "fusion.alpha=7"], "7.0 is outside 0.0 … 1.0"),
        (["segment", "PHOTO", "a cup", "--out", "PHOTO"], "File exists"),
        (["download", "sam_vit_x"], "did you mean sam_vit_"),
        (["download", "sam_vit_b", "sam_vit_h", "--from", "x.pth"], "--from takes the file of one checkpoint"),
        (["download", "sam_vit_b", "--from", "none.pth"], "there is no file none.pth"),
    ],
)
def test_errors_are_one_message_and_exit_code_2(hybridgl, asked, photo, tmp_path, monkeypatch, arguments, message):
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path / "cache"))
    code, _, err = hybridgl(*[photo if argument == "PHOTO" else argument for argument in arguments])
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_missing_weights_say_what_to_run(hybridgl, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path))
    code, _, err = hybridgl("segment", photo, "a cup", "--config", "photo", "--out", tmp_path)
    assert code == 2
    assert "hybridgl download clip_vit_b16" in err


def test_download_takes_a_local_file(hybridgl, tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDGL_REGISTRY", str(tmp_path / "own.yaml"))
    content = b"weights"
    (tmp_path / "mine.pt").write_bytes(content)
    (tmp_path / "own.yaml").write_text(
        "mine: {kind: clip, architecture: ViT-B-16, url: 'https://example.org/mine.pt',"
        f" sha256: {hashlib.sha256(content).hexdigest()}}}"
    )
    code, out, _ = hybridgl("download", "mine", "--from", tmp_path / "mine.pt", "--cache", tmp_path / "cache")
    assert code == 0
    assert out == f"mine: {tmp_path / 'cache' / 'mine' / 'mine.pt'}\n"
    code, out, _ = hybridgl("models", "--cache", tmp_path / "cache")
    assert f"{tmp_path / 'cache' / 'mine' / 'mine.pt'}" in out


def test_models_lists_every_checkpoint(hybridgl, tmp_path):
    code, out, _ = hybridgl("models", "--cache", tmp_path)
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()[1:]] == list(checkpoints())
    assert "2564.6 MB\tApache-2.0\thybridgl download sam_vit_h" in out


def test_settings_lists_every_setting_also_as_markdown(hybridgl):
    code, out, _ = hybridgl("settings")
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()[1:]] == list(descriptions())
    _, table, _ = hybridgl("settings", "--markdown")
    header, line, *rows = table.splitlines()
    assert header.split(" | ")[3:5] == ["official", "paper"]
    assert set(line) <= set("|- ")
    assert len(rows) == len(descriptions())
    assert {row.count("|") for row in rows} == {header.count("|")}


def test_evaluate_hands_on_its_options_and_help(hybridgl, monkeypatch):
    code, out, _ = hybridgl("evaluate", "--help")
    assert code == 0
    assert "--dataset" in out
    assert hybridgl("evaluate", "--no-such-option")[0] == 2
    code, _, err = hybridgl("evaluate", "--dataset", "no-such-set", "--out", "unused")
    assert code == 2
    assert "no-such-set" in err


def test_values_are_read_as_yaml():
    assert parsed(["a.b=0.5", "c.d=true", "e.f=left", "g.h=[1, 2]", "i.j=a=b"]) == {
        "a.b": 0.5,
        "c.d": True,
        "e.f": "left",
        "g.h": [1, 2],
        "i.j": "a=b",
    }
    with pytest.raises(ConfigError):
        parsed(["novalue"])


def test_file_names_are_plain_and_different():
    names = file_stems(Path("x/photo.jpg"), ["the cup", "The cup.", "the/cup", "чашка", "!", "a" * 500])
    assert names[:5] == ["photo-the-cup", "photo-the-cup-2", "photo-the-cup-3", "photo-чашка", "photo-expression"]
    assert len(names[5]) < 80


def test_every_command_is_there_under_its_name(hybridgl):
    folder = Path(commands.__path__[0])
    named = [name for name in cli.COMMANDS if (folder / f"{name}.py").is_file()]
    assert named == list(cli.COMMANDS)
    for name in named:
        code, out, _ = hybridgl(name, "--help")
        assert code == 0 and f"hybridgl {name}" in out


def test_no_command_waits_for_torch_to_read_its_arguments():
    modules = ", ".join(["hybridgl_ros.cli", *(f"hybridgl_ros.commands.{name}" for name in cli.COMMANDS)])
    code = f"import sys, {modules}; sys.exit(any(name in sys.modules for name in ('torch', 'spacy', 'open_clip')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(cli.__file__).parents[1], check=False).returncode == 0


def test_the_overview_waits_for_nothing_heavy():
    code = "import sys, hybridgl_ros.cli; sys.exit(any(name in sys.modules for name in ('torch', 'cv2', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(cli.__file__).parents[1], check=False).returncode == 0
