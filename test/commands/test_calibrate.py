"""`hybridgl calibrate`, and the configurations that take what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings

import pytest
import yaml

from hybridgl_ros.commands.running import FAILED
from hybridgl_ros.config import load_config
from hybridgl_ros.models.registry import find_checkpoint, write_calibration


@pytest.fixture
def calibrations(tmp_path, monkeypatch):
    path = tmp_path / "mine" / "calibrations.yaml"
    monkeypatch.setenv("HYBRIDGL_CALIBRATIONS", str(path))
    return path


@pytest.fixture
def calibrate(hybridgl, fake_models, tabletop_zip, calibrations):
    """calibrate(arguments) → exit code, output, errors; on a small set with fake models."""

    def call(*arguments: object):
        return hybridgl("calibrate", "--dataset", "tabletop", "--root", tabletop_zip, "--no-cache", *arguments)

    return call


def test_the_next_configuration_takes_what_was_calibrated(calibrate, calibrations):
    code, out, _ = calibrate()
    assert code == 0 and str(calibrations) in out and "ECE" in out
    written = yaml.safe_load(calibrations.read_text())["clip_tabletop"]["settings"]
    decision = load_config("embedded").decision
    assert decision.calibrated
    assert decision.threshold == written["decision.threshold"]
    assert load_config("embedded", overrides={"decision.threshold": 0.25}).decision.threshold == 0.25


def test_a_configuration_is_written_instead(calibrate, calibrations, tmp_path):
    code, *_ = calibrate("--out", tmp_path / "mine.yaml", "--report", tmp_path / "report")
    assert code == 0 and not calibrations.exists()
    assert load_config(tmp_path / "mine.yaml").decision.calibrated
    content = json.loads((tmp_path / "report/calibration.json").read_text())
    assert content["settings"]["decision.calibrated"] and content["apart"]["all"]["answers"] == 4
    assert (tmp_path / "report/reliability.svg").read_text().startswith("<svg")


def test_a_card_keeps_what_else_it_says(calibrate, tmp_path):
    card = tmp_path / "card.json"
    card.write_text('{"sha256": "x", "settings": {"features.beta": 1.5, "decision.bias": 7}}')
    assert calibrate("--out", card)[0] == 0
    content = json.loads(card.read_text())
    assert content["sha256"] == "x" and content["settings"]["features.beta"] == 1.5
    assert content["settings"]["decision.calibrated"] and content["settings"]["decision.bias"] != 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "x.txt"], ".yaml"),
        (["--out", "none.json"], "no such model card"),
        (["--preset", "paper"], "preset robot"),
        (["--expressions", "songs"], "people"),
    ],
)
def test_what_cannot_be_is_one_line(calibrate, arguments, message):
    code, _, errors = calibrate(*arguments)
    assert code == FAILED and message in errors and len(errors.strip().splitlines()) == 1


def test_a_calibration_of_other_weights_does_not_count(calibrations):
    checkpoint = find_checkpoint("clip_tabletop")
    write_calibration(checkpoint, {"decision.bias": 3.0}, calibrations)
    assert load_config("embedded").decision.bias == 3.0
    text = calibrations.read_text()
    calibrations.write_text(text.replace(checkpoint.sha256, "f" * 64))
    with pytest.warns(UserWarning, match="other weights"):
        assert load_config("embedded").decision.bias != 3.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_calibration(find_checkpoint("sam_tabletop"), {"proposals.nms_threshold": 0.5}, calibrations)
        assert set(yaml.safe_load(calibrations.read_text())) == {"clip_tabletop", "sam_tabletop"}


def test_a_damaged_file_is_named(calibrations, hybridgl):
    calibrations.parent.mkdir()
    calibrations.write_text("clip_tabletop: 7\n")
    code, _, errors = hybridgl("segment", "none.png", "the cup")
    assert code == FAILED and str(calibrations) in errors


def test_as_a_process_on_shipped_scenes(tmp_path):
    """The embedded models on the first validation scenes, as a user calls it."""
    out = tmp_path / "calibrations.yaml"
    command = [sys.executable, "-m", "hybridgl_ros.cli", "calibrate", "--dataset", "tabletop", "--limit", "40"]
    done = subprocess.run(
        [*command, "--cache", tmp_path / "cache"],
        env={**os.environ, "HYBRIDGL_CALIBRATIONS": str(out), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "decision.threshold" in done.stdout and "ECE" in done.stdout
    assert yaml.safe_load(out.read_text())["clip_tabletop"]["settings"]["decision.calibrated"] is True
