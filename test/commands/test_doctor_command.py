"""`hybridgl doctor` from its arguments to its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hybridgl_ros.doctor import surroundings
from hybridgl_ros.doctor.facts import Facts


def test_this_machine_answers_with_the_embedded_models(hybridgl):
    code, out, errors = hybridgl("doctor", "--json")
    report = json.loads(out)
    assert not errors and report["well"] == (code == 0)
    states = {finding["check"]: finding["state"] for finding in report["findings"]}
    assert states["torch"] == states["spaCy"] == states["weights sam_tabletop"] == "ok"


def test_missing_weights_are_wrong_and_said_how_to_get(hybridgl, monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path))
    code, out, _ = hybridgl("doctor", "--config", "photo")
    assert code == 1
    line, cure = next(pair for pair in zip(out.splitlines(), out.splitlines()[1:]) if "sam_vit_h" in pair[0])
    assert line.startswith("wrong ") and cure.strip() == "→ hybridgl download sam_vit_h"


def test_a_bad_configuration_leaves_the_other_lines(hybridgl):
    code, out, _ = hybridgl("doctor", "--config", "nonsense", "--json")
    findings = {finding["check"]: finding for finding in json.loads(out)["findings"]}
    assert code == 1 and findings["configuration"]["state"] == "wrong" and findings["torch"]["state"] == "ok"


def test_options_reach_the_facts(hybridgl, monkeypatch):
    asked = []

    def look_around(*arguments):
        asked.append(arguments[:3])
        return Facts(python=(3, 12, 0))

    monkeypatch.setattr(surroundings, "look_around", look_around)
    hybridgl("doctor", "--config", "photo", "--preset", "paper", "--set", "models.threads=3", "--device", "cpu")
    assert asked == [("photo", {"models.threads": 3, "models.device": "cpu"}, "paper")]


def test_a_workspace_has_the_command_as_an_executable():
    script = Path(__file__).resolve().parents[2] / "scripts" / "hybridgl"
    done = subprocess.run([sys.executable, script, "doctor", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "doctor" in done.stdout and script.stat().st_mode & 0o111
