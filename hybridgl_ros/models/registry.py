"""The checkpoints known by name: `registry.yaml`, and a file of your own that HYBRIDGL_REGISTRY names.

What `hybridgl calibrate` found for weights lies in a file beside, which only says settings of known checkpoints.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from platformdirs import user_config_path

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.models.repository import SUMS
from hybridgl_ros.resources import PLAIN_NAME, load_yaml

BUILT_IN = Path(__file__).with_name("registry.yaml")
REGISTRY_VARIABLE = "HYBRIDGL_REGISTRY"
REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*")
CALIBRATIONS_VARIABLE = "HYBRIDGL_CALIBRATIONS"
HEADING = "# Written by `hybridgl calibrate`: settings that the configurations take with these weights.\n"
KINDS = ("sam", "clip", "diffusion", "captioner")
HUB = "https://huggingface.co"
KEYS = ("kind", "architecture", "url", "file", "repository", "card", "size", "sha256", "licence", "text", "settings")


@dataclass(frozen=True)
class Checkpoint:
    """One named set of weights.

    kind: one of KINDS. architecture: what to build for them; a name, or the path of a JSON file.
    url: where they can be downloaded, None for a local file. file: path of a local file, or the plain name in
    the cache. size: bytes, 0 when not known. sha256: of the file as it lies there, empty while there is none.
    settings: configuration values that suit these weights, by dotted name. repository: owner/name on Hugging Face of a
    model of several files; their sums are written down when they are downloaded, and `file` is the list of them.
    """

    name: str
    kind: str
    architecture: str
    url: str | None
    file: Path
    size: int
    sha256: str
    licence: str
    text: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    repository: str | None = None


def checkpoints() -> dict[str, Checkpoint]:
    """Every known checkpoint by name; entries of your own registry replace built-in ones of the same name.

    Raises ConfigError naming the file and entry that cannot be read.
    """
    found = read_registry(BUILT_IN)
    own = os.environ.get(REGISTRY_VARIABLE)
    if own:
        found.update(read_registry(Path(own).expanduser()))
    return with_calibrations(found, calibrations_path())


def calibrations_path() -> Path:
    """Where calibrations are kept: HYBRIDGL_CALIBRATIONS, or a file of the user's configuration folder (XDG)."""
    chosen = os.environ.get(CALIBRATIONS_VARIABLE)
    return Path(chosen).expanduser() if chosen else user_config_path("hybridgl") / "calibrations.yaml"


def with_calibrations(found: Mapping[str, Checkpoint], path: Path) -> dict[str, Checkpoint]:
    """Checkpoints with the settings that were calibrated for them; those for other weights of the name are left out,
    with a warning. Raises ConfigError when the file cannot be read."""
    calibrated = dict(found)
    for name, entry in read_calibrations(path).items():
        if name not in calibrated:
            continue
        checkpoint = calibrated[name]
        if entry["sha256"] != checkpoint.sha256:
            warnings.warn(
                f"{path}: {name} was calibrated with other weights, which does not count for these; calibrate again "
                "or take its entry out",
                stacklevel=2,
            )
            continue
        calibrated[name] = replace(checkpoint, settings={**checkpoint.settings, **entry["settings"]})
    return calibrated


def read_calibrations(path: Path) -> dict[str, Any]:
    """sha256 and settings by checkpoint; nothing when the file is not there. Raises ConfigError for a damaged one."""
    if not path.exists():
        return {}
    try:
        content = load_yaml(path.read_text(encoding="utf-8")) or {}
        for entry in content.values():
            if not isinstance(entry["sha256"], str) or not isinstance(entry["settings"], dict):
                raise ValueError("wants sha256 and settings of each checkpoint")
    except (OSError, yaml.YAMLError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"calibrations {path}: not readable: {error}") from error
    return dict(content)


def write_calibration(checkpoint: Checkpoint, settings: Mapping[str, Any], path: Path) -> None:
    """Put settings of one checkpoint into the file; what it says of others stays."""
    content = read_calibrations(path)
    content[checkpoint.name] = {"sha256": checkpoint.sha256, "settings": dict(settings)}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(HEADING + yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    os.replace(part, path)


def find_checkpoint(name: str, kind: str | None = None) -> Checkpoint:
    """The checkpoint of a name. Raises ConfigError, with near names, when there is none (of that kind)."""
    known = checkpoints()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(known)}"
        raise ConfigError(f"no checkpoint {name!r}; {hint}")
    checkpoint = known[name]
    if kind is not None and checkpoint.kind != kind:
        fitting = ", ".join(entry.name for entry in known.values() if entry.kind == kind)
        raise ConfigError(f"{name!r} is a {checkpoint.kind} checkpoint, wants {kind}: {fitting}")
    return checkpoint


def read_registry(path: Path) -> dict[str, Checkpoint]:
    """The checkpoints of one registry file."""
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"registry {path}: not readable: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"registry {path}: wants checkpoints by name")
    return {str(name): read_entry(str(name), entry, path) for name, entry in content.items()}


def read_entry(name: str, entry: Any, registry: Path) -> Checkpoint:
    """One checkpoint, checked; files are relative to the registry's folder."""
    where = f"registry {registry}: {name}"
    if not isinstance(entry, dict):
        raise ConfigError(f"{where}: wants a mapping")
    unknown = [key for key in entry if key not in KEYS]
    if unknown:
        raise ConfigError(f"{where}: unknown {', '.join(map(str, unknown))}; known are {', '.join(KEYS)}")
    if entry.get("kind") not in KINDS:
        raise ConfigError(f"{where}: kind must be one of {', '.join(KINDS)}")
    if not PLAIN_NAME.fullmatch(name):
        raise ConfigError(
            f"{where}: a name has letters, digits, '.', '_', '+' and '-' only: it is a folder of the cache"
        )
    if not isinstance(entry.get("architecture"), str):
        raise ConfigError(f"{where}: names no architecture")
    if sum(bool(entry.get(key)) for key in ("url", "file", "repository")) != 1:
        raise ConfigError(f"{where}: wants either url or file")
    repository = entry.get("repository")
    if repository is not None and not REPOSITORY.fullmatch(str(repository)):
        raise ConfigError(f"{where}: repository must be owner/name, got {repository!r}")
    file_name = SUMS if repository else url_file(entry["url"], where) if entry.get("url") else ""
    folder = registry.resolve().parent
    facts = {**entry, **(read_card(folder / entry["card"]) if "card" in entry else {})}
    if not (repository or "card" in entry) and not re.fullmatch(r"[0-9a-f]{64}", str(facts.get("sha256", ""))):
        raise ConfigError(f"{where}: sha256 must be 64 hexadecimal digits in lower case")
    if not isinstance(facts.get("size", 0), int):
        raise ConfigError(f"{where}: size must be a number of bytes")
    if not isinstance(facts.get("settings", {}), dict):
        raise ConfigError(f"{where}: settings must be values by dotted name")
    architecture = entry["architecture"]
    return Checkpoint(
        name=name,
        kind=entry["kind"],
        architecture=str(folder / architecture) if architecture.endswith(".json") else architecture,
        url=f"{HUB}/{repository}" if repository else entry.get("url"),
        file=folder / entry["file"] if "file" in entry else Path(file_name),
        size=facts.get("size", 0),
        sha256=str(facts.get("sha256", "")),
        licence=str(entry.get("licence", "")),
        text=str(entry.get("text", "")),
        settings=facts.get("settings", {}),
        repository=repository,
    )


def url_file(url: Any, where: str) -> str:
    """The file name an address ends in. Raises ConfigError when it has none that can be a file of the cache."""
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(f"{where}: url must be a web address (https://…), got {url!r}")
    name = parts.path.rpartition("/")[2]
    if not PLAIN_NAME.fullmatch(name):
        raise ConfigError(f"{where}: url must end in a plain file name, got {url!r}")
    return name


def read_card(path: Path) -> dict[str, Any]:
    """sha256, size and settings of a model card; nothing while the model is not trained yet."""
    if not path.is_file():
        return {}
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        return {key: card[key] for key in ("sha256", "size", "settings") if key in card}
    except (ValueError, TypeError) as error:
        raise ConfigError(f"model card {path}: not readable: {error}") from error
