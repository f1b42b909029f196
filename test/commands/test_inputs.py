"""What is wrong with a command's input is said before the models, or torch itself, are loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hybridgl_ros
from hybridgl_ros.commands import checks
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.evaluation.datasets.export import export

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from hybridgl_ros.cli import main; main()"
EVALUATE = ("evaluate", "--out", "results")
PREDICTIONS = (*EVALUATE, "--dataset", "tabletop", "--method", "predictions", "--from")


@pytest.fixture
def folder(tmp_path) -> Path:
    """A picture, a file, a folder nobody may write to, and a data set of which a picture is missing."""
    Image.new("RGB", (40, 30), (200, 10, 10)).save(tmp_path / "photo.png")
    (tmp_path / "note.txt").write_text("no picture")
    record = {"expression": "the mug", "mask": {"size": [30, 40], "counts": [0, 5, 1195]}}
    lines = [{"image": "photo.png", **record}, {"image": "gone.png", **record}]
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def run(folder: Path, *arguments: str, script: str = WITHOUT_TORCH) -> subprocess.CompletedProcess:
    paths = os.pathsep.join([str(Path(hybridgl_ros.__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {
        **os.environ,
        "PYTHONPATH": paths,
        "HYBRIDGL_CACHE": str(folder / "weights"),
        "CUDA_VISIBLE_DEVICES": "",
    }
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=folder, env=environment, text=True, capture_output=True
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("segment", "none.jpg", "a cup"), "none.jpg: not readable as a picture"),
        (("segment", "note.txt", "a cup"), "note.txt: not readable as a picture"),
        (("segment", "https://example.org/a.jpg", "a cup"), "https://example.org/a.jpg: URLs are not read"),
        (("segment", "photo.png", "a cup", " "), "the expression is empty"),
        (("segment", "photo.png", "a cup", "--out", "photo.png/out"), "--out photo.png/out: cannot be written to"),
        (("segment", "photo.png", "a cup", "--out", "/proc/none"), "--out /proc/none: cannot be written to"),
        (("segment", "photo.png", "a cup", "--device", "gpu"), "models.device: 'gpu' is no device"),
        (("segment", "photo.png", "a cup", "--device", "cuda:x"), "models.device: 'cuda:x' is no device"),
        (("segment", "photo.png", "a cup", "--device", "cuda:64"), "models.device: 'cuda:64' cannot be used"),
        (("segment", "photo.png", "a cup", "--config", "foto"), "no configuration 'foto'; there is embedded"),
        (("segment", "photo.png", "a cup", "--config", "note.txt"), "no configuration 'note.txt'"),
        (("segment", "photo.png", "a cup", "--set", "fusion.alfa=1"), "did you mean 'fusion.alpha'?"),
        (("segment", "photo.png", "a cup", "--set", "text.rules=none"), "no configuration 'language/none'"),
        (("segment", "photo.png", "a cup", "--config", "photo"), "hybridgl download clip_vit_b16"),
        ((*EVALUATE, "--dataset", "refcoco", "--root", "none"), "refs(unc).p: no such file"),
        ((*EVALUATE, "--dataset", "jsonl", "--root", "http://a/b.jsonl"), "http://a/b.jsonl: URLs are not read"),
        ((*EVALUATE, "--dataset", "jsonl", "--root", "mine.jsonl"), "1 of 2 files are missing (gone.png)"),
        ((*EVALUATE, "--dataset", "jsonl", "--root", "mine.jsonl", "--method", "guess"), "no method 'guess'"),
        ((*EVALUATE, "--dataset", "tabletop", "--device", "cpuu"), "did you mean 'cpu'?"),
        ((*EVALUATE, "--dataset", "tabletop", "--config", "photo"), "hybridgl download"),
        ((*EVALUATE, "--dataset", "tabletop", "--cache", "note.txt"), "--cache note.txt: cannot be written to"),
        (("evaluate", "--dataset", "tabletop", "--out", "note.txt"), "--out note.txt: cannot be written to"),
        ((*EVALUATE, "--dataset", "tabletop", "--from", "a.jsonl"), "--method predictions and --from FILE go together"),
        ((*PREDICTIONS, "gone.jsonl"), "gone.jsonl: cannot be read"),
        ((*PREDICTIONS, "note.txt"), "note.txt: line 1: not JSON"),
        ((*EVALUATE, "--dataset", "grefcoco", "--root", "none"), "grefs(unc).json: no such file"),
        ((*EVALUATE, "--dataset", "ocid-ref", "--root", "none"), "test_expressions.json: no such file"),
        (("compare", "none", "other"), "none: no results.json of an evaluation"),
        (("compare", "none", "--out", "page.txt"), "wants a name that ends in .html"),
        (("export", "--dataset", "jsonl", "--root", "mine.jsonl", "--out", "new"), "--skip-missing goes on"),
    ],
)
def test_bad_input_is_one_line_before_anything_is_loaded(folder, arguments, message):
    before = sorted(folder.iterdir())
    ended = run(folder, *arguments)
    assert ended.returncode == 2, ended.stderr
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not ended.stdout
    assert sorted(folder.iterdir()) == before


def test_too_little_memory_is_one_line(folder):
    script = (
        "from hybridgl_ros.commands.running import run\n"
        "def command(): raise MemoryError('Unable to allocate 83 GiB')\n"
        "run(command)"
    )
    ended = run(folder, script=script)
    assert (ended.returncode, ended.stderr) == (2, "Unable to allocate 83 GiB\n")


def test_a_device_is_refused_only_when_the_driver_does_not_show_it(monkeypatch):
    monkeypatch.setattr(checks, "visible_gpus", lambda: 2)
    for name in ("auto", "cpu", "cuda", "cuda:1", "mps"):
        checks.check_device(name)
    with pytest.raises(ConfigError, match="there is cuda:0 … cuda:1"):
        checks.check_device("cuda:2")
    monkeypatch.setattr(checks, "visible_gpus", lambda: None)
    checks.check_device("cuda:2")


@pytest.fixture(params=["refcoco", "jsonl", "phrasecut"])
def incomplete(request, tabletop_zip, tmp_path) -> list[str]:
    """Arguments that name a data set of three pictures, the third of which is missing."""
    name, root = request.param, tmp_path / "set"
    split: list[str] = []
    if name == "phrasecut":
        write_phrasecut(root)
        split = ["--split", "val"]
        folders = [root / "VG_100K_2"]
    else:
        export(open_dataset("tabletop", root=tabletop_zip), {"refcoco": "refer"}.get(name, name), root)
        split = ["--split", "heldout"] if name == "refcoco" else []
        folders = [root / "images", root / "images/mscoco/images/train2014"]
    pictures = sorted(file for folder in folders for file in folder.glob("*.*g"))
    pictures[-1].unlink()
    where = root / "samples.jsonl" if name == "jsonl" else root
    return ["--dataset", name, "--root", str(where), *split, "--config", "embedded"]


def write_phrasecut(root: Path) -> None:
    """Three pictures in the folders that Visual Genome comes in, two expressions each."""
    tasks, sizes = [], []
    for number, folder in ((1, "VG_100K"), (2, "VG_100K_2"), (3, "VG_100K_2")):
        (root / folder).mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(root / folder / f"{number}.jpg")
        sizes.append({"image_id": number, "width": 64, "height": 48})
        polygons = [[[[4, 4], [20, 4], [20, 20], [4, 20]]]]
        tasks += [
            {"task_id": f"{number}__{place}", "image_id": number, "phrase": phrase, "Polygons": polygons}
            for place, phrase in enumerate(("red cube", "cube on the left"))
        ]
    (root / "refer_val.json").write_text(json.dumps(tasks))
    (root / "image_data_split.json").write_text(json.dumps(sizes))


def test_a_missing_picture_is_counted_before_anything_is_loaded(incomplete, tmp_path):
    ended = run(tmp_path, *EVALUATE, *incomplete)
    assert ended.returncode == 2, ended.stderr
    # Of the exported JSONL, the depth of the pictures is looked for, too.
    files = 6 if "jsonl" in incomplete else 3
    assert f"1 of {files} files are missing (" in ended.stderr
    assert "--skip-missing goes on without them" in ended.stderr
    assert not (tmp_path / "results").exists()


def test_what_is_there_can_be_evaluated(incomplete, fake_models, hybridgl, tmp_path):
    out = tmp_path / "results"
    # Nobody needs the last picture for the first expression.
    assert hybridgl("evaluate", "--out", tmp_path / "first", *incomplete, "--no-cache", "--limit", 1)[0] == 0
    code, text, _ = hybridgl("evaluate", "--out", out, *incomplete, "--no-cache", "--skip-missing")
    assert code == 0
    content = json.loads((out / "results.json").read_text())
    (skipped,) = content["skipped"].values()
    assert skipped["files"] == 1 and skipped["expressions"] == {"refcoco": 3, "jsonl": 4, "phrasecut": 2}[incomplete[1]]
    said = f"{skipped['expressions']} expressions are left out"
    assert said in " ".join(text.split()) and said in (out / "report.html").read_text()
    assert {entry["iou"] is not None for entry in content["results"] if entry["has_target"]} == {True}
