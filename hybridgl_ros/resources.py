"""Where the data files of the package lie, in a checkout, after `pip install` and after `colcon build`."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def config_directory() -> Path:
    """The folder of the YAML files: installed beside the modules as `presets`, in a checkout the root's `config`."""
    installed = PACKAGE / "presets"
    return installed if installed.is_dir() else PACKAGE.parent / "config"
