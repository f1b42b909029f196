"""Tables that people read: the settings with their ranges, and the checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from hybridgl_ros.config import flatten, read_yaml
from hybridgl_ros.models.cache import weights_path
from hybridgl_ros.models.registry import Checkpoint, checkpoints
from hybridgl_ros.resources import config_directory
from hybridgl_ros.settings import Description, descriptions

Row = dict[str, str]
COUNTS_FROM = {"models": "restart", "image": "next image", "answer": "next expression"}


def settings_table() -> list[Row]:
    """One row a setting: name, type, what is allowed, each preset's value, when a change counts, meaning."""
    files = sorted((config_directory() / "presets").glob("*.yaml"))
    presets = {file.stem: flatten(read_yaml(file)) for file in files}
    return [
        {
            "setting": name,
            "type": type_name(description.type),
            "allowed": allowed(description),
            **{preset: shown(values.get(name, "")) for preset, values in presets.items()},
            "counts from": COUNTS_FROM[description.stage],
            "meaning": description.text,
        }
        for name, description in descriptions().items()
    ]


def models_table(cache: str | Path | None = None) -> list[Row]:
    """One row a checkpoint: name, kind, size, licence, where it lies or how to get it, meaning."""
    return [
        {
            "name": entry.name,
            "kind": entry.kind,
            "size": size_text(entry, cache),
            "licence": entry.licence,
            "weights": whereabouts(entry, cache),
            "meaning": entry.text,
        }
        for entry in checkpoints().values()
    ]


def as_markdown(rows: Sequence[Row]) -> str:
    """Rows of the same columns as a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def whereabouts(checkpoint: Checkpoint, cache: str | Path | None) -> str:
    """Where the weights lie, or how they get there."""
    path = weights_path(checkpoint, cache)
    if path.is_file():
        return "here" if checkpoint.url is None else str(path)
    return "missing" if checkpoint.url is None else f"hybridgl download {checkpoint.name}"


def size_text(checkpoint: Checkpoint, cache: str | Path | None) -> str:
    """Megabytes of the weights, as known or as they lie there."""
    path = weights_path(checkpoint, cache)
    size = checkpoint.size or (path.stat().st_size if path.is_file() else 0)
    return f"{size / 1e6:.1f} MB" if size else ""


def allowed(description: Description) -> str:
    """Choices or range of a setting."""
    if description.choices:
        return ", ".join(description.choices)
    if description.low is None or description.high is None:
        return ""
    return f"{description.low:g} … {description.high:g}"


def type_name(kind: Any) -> str:
    """A setting's type in words, e.g. `list of float`."""
    if get_origin(kind) is list:
        return f"list of {get_args(kind)[0].__name__}"
    return str(kind.__name__)


def shown(value: Any) -> str:
    """A value as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
