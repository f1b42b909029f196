"""An earlier version of the package out of the history, built beside this one, to measure against."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

COMMIT = "a7ceda9"
CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "build" / "bench" / COMMIT


class NoBaselineError(Exception):
    """The history has no such commit, or it cannot be built here."""


def baseline() -> dict[str, str]:
    """The environment in which Python finds the earlier version; builds it the first time.

    Its small models are replaced by today's, so that both versions have the same work. Raises NoBaselineError.
    """
    source, install = FOLDER / "source", FOLDER / "install"
    if not (install / "built").exists():
        unpack(source)
        colcon = [
            *("colcon", "--log-base", FOLDER / "log", "--log-level", "error", "build", "--base-paths", source),
            *("--build-base", FOLDER / "colcon", "--install-base", install, "--merge-install", "--symlink-install"),
            *("--cmake-args", "-DBUILD_TESTING=OFF"),
        ]
        result = subprocess.run(list(map(str, colcon)), cwd=source, capture_output=True, text=True, check=False)
        if result.returncode:
            raise NoBaselineError(f"{COMMIT} cannot be built: {result.stderr.strip().splitlines()[-1:]}")
        (install / "built").touch()
    return environment(install)


def unpack(source: Path) -> None:
    """The commit's files."""
    source.mkdir(parents=True, exist_ok=True)
    archive = subprocess.run(["git", "archive", COMMIT], cwd=CHECKOUT, capture_output=True, check=False)
    if archive.returncode:
        raise NoBaselineError(f"the history has no commit {COMMIT} (a shallow clone?)")
    subprocess.run(["tar", "-x"], cwd=source, input=archive.stdout, check=True)


def environment(install: Path) -> dict[str, str]:
    """The variables that its own setup file sets."""
    shown = subprocess.run(
        ["bash", "-c", f". {install}/setup.bash && env -0"], capture_output=True, text=True, check=True
    )
    return dict(line.split("=", 1) for line in shown.stdout.split("\0") if "=" in line)


def same_weights() -> Path:
    """A registry of today's form with the earlier version's small models, so that both versions have the same work."""
    models = FOLDER / "source" / "hybridgl_ros" / "models"
    registry = FOLDER / "registry.yaml"
    entries = {
        "sam_tabletop": {"kind": "sam", "architecture": "embedded"},
        "clip_tabletop": {"kind": "clip", "architecture": str(models / "embedded_clip.json")},
    }
    for name, entry in entries.items():
        entry["file"] = str(models / "embedded" / f"{name}.safetensors.gz")
        entry["card"] = str(models / "embedded" / f"{name}.json")
    registry.write_text(yaml.safe_dump(entries), encoding="utf-8")
    return registry
