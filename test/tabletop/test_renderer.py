"""What the renderer and its command say when they cannot render."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hybridgl_ros.tabletop.render import app
from hybridgl_ros.tabletop.renderer import RendererUnavailableError, TabletopRenderer


def test_without_mujoco_the_error_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(RendererUnavailableError, match=r"hybridgl_ros\[sim\].*libegl1 libegl-mesa0 libgl1-mesa-dri"):
        TabletopRenderer()


def test_the_command_reports_an_unknown_split(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--split", "test", "--out", str(tmp_path / "set.zip")])
    assert result.exit_code == 1
    assert "train, val, heldout" in result.output
    assert list(tmp_path.iterdir()) == []
