"""Where the data files of the package lie, in a checkout, after `pip install` and after `colcon build`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

# What becomes a folder or a file of the cache, or names a file of `config/`, must stay inside it.
PLAIN_NAME = re.compile(r"\w[\w.+-]*")
PACKAGE = Path(__file__).resolve().parent


def config_directory() -> Path:
    """The folder of the YAML files: installed beside the modules as `presets`, in a checkout the root's `config`."""
    installed = PACKAGE / "presets"
    return installed if installed.is_dir() else PACKAGE.parent / "config"


def load_yaml(text: str) -> Any:
    """What a YAML text says, plain values only. Raises yaml.YAMLError for a damaged one."""
    # libyaml, where PyYAML was built with it, reads ten times as fast.
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
