"""Options that several commands share, and how their texts are read. Nothing here waits for torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from hybridgl_ros.commands.checks import local_path
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.resources import load_yaml

ConfigName = Annotated[str, typer.Option("--config", help="embedded, photo, or a YAML file.")]
Preset = Annotated[str | None, typer.Option(help="robot, paper or official, instead of the file's.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a setting; may be repeated.")
]
Device = Annotated[str | None, typer.Option(help="Torch device, e.g. cpu or cuda:0.")]
WeightsFolder = Annotated[
    Path | None,
    typer.Option(
        "--cache", parser=local_path, metavar="FOLDER", help="Folder of the weights instead of the usual cache."
    ),
]


def overrides_of(changes: Sequence[str] | None, device: str | None) -> dict[str, Any]:
    """The settings that --set and --device change, by dotted name. Raises ConfigError as `parsed`."""
    return {**parsed(changes or ()), **({} if device is None else {"models.device": device})}


def parsed(changes: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE pairs with values read as YAML. Raises ConfigError for anything else."""
    values = {}
    for change in changes:
        name, separator, value = change.partition("=")
        if not separator:
            raise ConfigError(f"--set wants NAME=VALUE, got {change!r}")
        try:
            values[name.strip()] = load_yaml(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {name}: {value!r} is not readable as a value") from error
    return values
