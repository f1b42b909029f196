"""Load configurations: a preset's numbers, the chosen models' own thresholds, a file's and the caller's changes.

A configuration file names a preset and states what differs from it:

    preset: paper
    models: {sam: sam_tabletop, clip: clip_tabletop}
    fusion: {alpha: 0.5}

Later sources win: preset, model cards, file, overrides.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.resources import PLAIN_NAME, config_directory, load_yaml
from hybridgl_ros.settings import Config, Description, descriptions, sections


def load_config(
    source: str | Path = "embedded", *, preset: str | None = None, overrides: Mapping[str, Any] | None = None
) -> Config:
    """Read a configuration.

    source: path of a YAML file, or the name of one in `config/` (embedded, photo).
    preset: replaces the file's preset (paper, official). overrides: dotted names to values, e.g. {"fusion.alpha": 0.5}.
    Raises ConfigError naming file and setting.
    """
    path = find_file(source)
    content = read_yaml(path)
    chosen = preset or content.pop("preset", None)
    content.pop("preset", None)
    if chosen is None:
        raise ConfigError(f"{path}: names no preset")
    values = flatten(read_yaml(find_named("presets", str(chosen))))
    own = flatten(content)
    changes = dict(overrides or {})
    values.update({name: value for name, value in {**own, **changes}.items() if name.startswith("models.")})
    values.update(model_settings(values))
    values.update(own)
    values.update(changes)
    return build(values, where=str(path))


def preset_values(preset: str, config: Config) -> dict[str, Any]:
    """Every setting but the models by dotted name, as a preset and the cards of a configuration's models say."""
    models = {name: value for name, value in values_of(config).items() if name.startswith("models.")}
    values = {**flatten(read_yaml(find_named("presets", preset))), **model_settings(models)}
    return {name: value for name, value in values.items() if name not in models}


def replace(config: Config, changes: Mapping[str, Any]) -> Config:
    """A copy of a configuration with some settings changed; raises ConfigError for a bad name or value."""
    values = flatten(asdict(config))
    values.update(changes)
    return build(values, where="the change")


def values_of(config: Config) -> dict[str, Any]:
    """Every setting's value by its dotted name."""
    return flatten(asdict(config))


def build(values: Mapping[str, Any], where: str) -> Config:
    """Check every value against its description and put the configuration together."""
    known = descriptions()
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigError(f"{where}: unknown setting {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    missing = [name for name in known if name not in values]
    if missing:
        raise ConfigError(f"{where}: no value for {', '.join(missing)}")
    checked = {name: check(known[name], value) for name, value in values.items()}
    parts = {
        section: kind(**{entry.name: checked[f"{section}.{entry.name}"] for entry in fields(kind)})
        for section, kind in sections().items()
    }
    config = Config(**parts)
    check_together(config, where)
    return config


def check(description: Description, value: Any) -> Any:
    """The value in its setting's type; raises ConfigError with the reason when it does not fit."""
    name = description.name
    if get_origin(description.type) is list:
        (kind,) = get_args(description.type)
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{name}: wants a list, got {value!r}")
        return [check_choice(description, convert(name, kind, item)) for item in value]
    value = check_choice(description, convert(name, description.type, value))
    low, high = description.low, description.high
    if (low is not None and value < low) or (high is not None and value > high):
        raise ConfigError(f"{name}: {value!r} is outside {low} … {high}")
    return value


def check_choice(description: Description, value: Any) -> Any:
    """The value, or one entry of a list, when it is among the choices; raises ConfigError with them when not."""
    if description.choices and value not in description.choices:
        raise ConfigError(f"{description.name}: {value!r} is not one of {', '.join(description.choices)}")
    return value


def convert(name: str, kind: type, value: Any) -> Any:
    """A scalar in the wanted type; whole numbers may stand for floats, nothing else is coerced."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{name}: wants {kind.__name__}, got {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name}: wants a finite number, got {value!r}")
    return value


def check_together(config: Config, where: str) -> None:
    """Rules that one setting alone cannot state."""
    if config.features.blur_kernel % 2 == 0:
        raise ConfigError(f"{where}: features.blur_kernel must be odd, got {config.features.blur_kernel}")
    for folder, name in (("language", config.text.rules), ("membership", config.membership.bank)):
        find_named(folder, name)
    if "{}" not in config.membership.prompt:
        raise ConfigError(f"{where}: membership.prompt has no {{}} for the words: {config.membership.prompt!r}")
    if len(config.features.local_fill) != 3:
        raise ConfigError(f"{where}: features.local_fill wants three numbers")


def model_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that the chosen checkpoints' cards recommend (thresholds differ from model to model)."""
    from hybridgl_ros.models.registry import find_checkpoint

    found: dict[str, Any] = {}
    for name in ("models.sam", "models.clip"):
        if name in values:
            found.update(find_checkpoint(convert(name, str, values[name])).settings)
    return found


def find_file(source: str | Path) -> Path:
    """A configuration file by path, or by its name in `config/`."""
    path = Path(source)
    if path.suffix in (".yaml", ".yml"):
        candidates = [path, config_directory() / path]
    else:
        candidates = [config_directory() / f"{source}.yaml"]
    for candidate in candidates:
        with suppress(OSError):  # a name too long for any file
            if candidate.is_file():
                return candidate
    names = sorted(entry.stem for entry in candidates[-1].parent.glob("*.yaml"))
    raise ConfigError(f"no configuration {str(source)!r}; there is {', '.join(names) or 'none'}")


def find_named(folder: str, name: str) -> Path:
    """A file of a folder of `config/` by its plain name. Raises ConfigError with the names that there are: what comes
    as a parameter must not lead elsewhere."""
    path = config_directory() / folder / f"{name}.yaml"
    with suppress(OSError, ValueError):  # a name that is none of any file
        if PLAIN_NAME.fullmatch(name) and path.is_file():
            return path
    names = sorted(entry.stem for entry in (config_directory() / folder).glob("*.yaml"))
    raise ConfigError(f"no configuration {f'{folder}/{name}'!r}; there is {', '.join(names) or 'none'}")


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's mapping."""
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: wants a mapping at the top")
    return content


def flatten(content: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of settings as dotted names."""
    flat: dict[str, Any] = {}
    for section, entries in content.items():
        if not isinstance(entries, Mapping):
            raise ConfigError(f"section {section!r} wants settings, got {entries!r}")
        flat.update({f"{section}.{name}": value for name, value in entries.items()})
    return flat
