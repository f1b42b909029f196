"""What an evaluation runs: one run for each method or each row of an ablation, and what the paper reports for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hybridgl_ros.config import read_yaml, replace
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.methods import find_method
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


def ablation_runs(config: Config, ablation: str, overrides: Mapping[str, Any], rows: Sequence[str] = ()) -> list[Run]:
    """The rows of an ablation, in its order; all unless some are named.

    Raises ConfigError when there is no such ablation or row.
    """
    known = ablations()
    if ablation not in known:
        raise ConfigError(f"no ablation {ablation!r}; there are {', '.join(known)}")
    entry = known[ablation]
    if missing := [name for name in rows if name not in entry["rows"]]:
        raise ConfigError(f"{ablation} has no row {missing[0]!r}; its rows are {', '.join(entry['rows'])}")
    runs = []
    for name, changes in entry["rows"].items():
        if rows and name not in rows:
            continue
        changes = {**entry.get("settings", {}), **changes}
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


def ablations() -> dict[str, dict[str, Any]]:
    """Title, settings, rows and paper table of every ablation by name."""
    return read_yaml(config_directory() / "evaluation" / "ablations.yaml")


@lru_cache(maxsize=1)
def paper_results() -> dict[str, dict[str, Any]]:
    """The paper's numbers: table → row → data set → split → [oIoU, mIoU] in percent."""
    return read_yaml(Path(__file__).with_name("paper_results.yaml"))
