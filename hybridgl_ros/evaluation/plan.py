"""What an evaluation runs: one run for each method or each row of an ablation, and what the paper reports for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hybridgl_ros.config import preset_values, read_yaml, replace
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.methods import check_method, find_method
from hybridgl_ros.resources import config_directory
from hybridgl_ros.settings import Config

DEFAULT_METHOD = "hybridgl"
METHOD_TABLE = "table1"


@dataclass(frozen=True)
class Reported:
    """What the paper reports, as fractions; None where it reports nothing."""

    oiou: float | None
    miou: float | None


@dataclass(frozen=True)
class Run:
    """One row of the output: a method under a configuration. paper: its table and row in the paper's results."""

    name: str
    method: str
    config: Config
    paper: tuple[str, str] | None

    def reported(self, dataset: str, split: str) -> Reported:
        """What the paper reports for this row on a split."""
        if self.paper is None:
            return Reported(None, None)
        table, row = self.paper
        pair = paper_results().get(table, {}).get(row, {}).get(dataset, {}).get(split) or (None, None)
        return Reported(*(None if value is None else value / 100 for value in pair))


def method_runs(config: Config, methods: Sequence[str], overrides: Mapping[str, Any]) -> list[Run]:
    """One run a method, however often it is named, each beside its row of Table 1."""
    return [make_run(config, name, name, {}, overrides, (METHOD_TABLE, name)) for name in dict.fromkeys(methods)]


@dataclass(frozen=True)
class Selection:
    """What was asked for: an ablation and some of its rows (all when none is named), or methods. Checked at once.

    Raises ConfigError for an unknown name and for what does not go together.
    """

    ablation: str | None = None
    rows: Sequence[str] = ()
    methods: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.ablation is not None:
            if self.methods:
                raise ConfigError("--ablation brings its own methods; leave out --method or --ablation")
            find_ablation(self.ablation, self.rows)
        elif self.rows:
            raise ConfigError("--row names a row of --ablation, which is missing")
        for name in self.methods:
            check_method(name)

    def runs(self, config: Config, overrides: Mapping[str, Any]) -> list[Run]:
        """The rows of the ablation, or one run a method."""
        if self.ablation is None:
            return method_runs(config, self.methods or [DEFAULT_METHOD], overrides)
        return ablation_runs(config, self.ablation, overrides, self.rows)


def ablation_runs(config: Config, ablation: str, overrides: Mapping[str, Any], rows: Sequence[str] = ()) -> list[Run]:
    """The rows of an ablation, in its order; all unless some are named. Raises ConfigError as `find_ablation`."""
    entry = find_ablation(ablation, rows)
    runs = []
    for name, changes in entry["rows"].items():
        if rows and name not in rows:
            continue
        changes = {**entry.get("settings", {}), **changes}
        if preset := changes.pop("preset", None):
            changes = {**preset_values(preset, config), **changes}
        method = changes.pop("method", DEFAULT_METHOD)
        paper = (entry["paper"], name) if "paper" in entry else None
        runs.append(make_run(config, name, method, changes, overrides, paper))
    return runs


def make_run(
    config: Config,
    name: str,
    method: str,
    changes: Mapping[str, Any],
    overrides: Mapping[str, Any],
    paper: tuple[str, str] | None,
) -> Run:
    """Later sources win: configuration, method, row, the user's own overrides."""
    settings = {**find_method(method).settings, **changes, **overrides}
    return Run(name, method, replace(config, settings), paper)


def find_ablation(ablation: str, rows: Sequence[str] = ()) -> dict[str, Any]:
    """An ablation by name. Raises ConfigError when there is none, or when it lacks one of the rows."""
    known = ablations()
    if ablation not in known:
        raise ConfigError(f"no ablation {ablation!r}; there are {', '.join(known)}")
    entry = known[ablation]
    if missing := [name for name in rows if name not in entry["rows"]]:
        raise ConfigError(f"{ablation} has no row {missing[0]!r}; its rows are {', '.join(entry['rows'])}")
    return entry


def ablations() -> dict[str, dict[str, Any]]:
    """Title, settings, rows and paper table of every ablation by name."""
    return read_yaml(config_directory() / "evaluation" / "ablations.yaml")


@lru_cache(maxsize=1)
def paper_results() -> dict[str, dict[str, Any]]:
    """The paper's numbers: table → row → data set → split → [oIoU, mIoU] in percent."""
    return read_yaml(Path(__file__).with_name("paper_results.yaml"))
