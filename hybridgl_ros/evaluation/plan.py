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
FROM_FILE = "predictions"
METHOD_TABLE = "table1"


@dataclass(frozen=True)
class Reported:
    """What the paper reports, as fractions; None where it reports nothing."""

    oiou: float | None
    miou: float | None


@dataclass(frozen=True)
class Run:
    """One row of the output: a method under a configuration.

    paper: its table and row in the paper's results. source: the file of answers, None for a method that has models.
    """

    name: str
    method: str
    config: Config
    paper: tuple[str, str] | None
    source: Path | None = None

    def reported(self, dataset: str, split: str) -> Reported:
        """What the paper reports for this row on a split."""
        if self.paper is None:
            return Reported(None, None)
        table, row = self.paper
        pair = paper_results().get(table, {}).get(row, {}).get(dataset, {}).get(split) or (None, None)
        return Reported(*(None if value is None else value / 100 for value in pair))


def method_runs(
    config: Config, methods: Sequence[str], overrides: Mapping[str, Any], sources: Sequence[Path] = ()
) -> list[Run]:
    """One run a method, however often it is named, each beside its row of Table 1; of `FROM_FILE` one a source."""
    runs = []
    for name in dict.fromkeys(methods):
        if name == FROM_FILE:
            runs += [Run(source.stem, name, replace(config, overrides), None, source) for source in sources]
        else:
            runs.append(make_run(config, name, name, {}, overrides, (METHOD_TABLE, name)))
    return runs


@dataclass(frozen=True)
class Selection:
    """What was asked for: an ablation and some of its rows (all when none is named), or methods. Checked at once.

    sources: files of answers, for the method `FROM_FILE`; a run of one is called as its file without the suffix.
    Raises ConfigError for an unknown name and for what does not go together.
    """

    ablation: str | None = None
    rows: Sequence[str] = ()
    methods: Sequence[str] = ()
    sources: Sequence[Path] = ()

    def __post_init__(self) -> None:
        if self.ablation is not None:
            if self.methods:
                raise ConfigError("--ablation brings its own methods; leave out --method or --ablation")
            find_ablation(self.ablation, self.rows)
        elif self.rows:
            raise ConfigError("--row names a row of --ablation, which is missing")
        for name in self.methods:
            check_method(name)
        if bool(self.sources) != (FROM_FILE in self.methods):
            raise ConfigError(f"--method {FROM_FILE} and --from FILE go together")
        names = [*dict.fromkeys(name for name in self.methods if name != FROM_FILE)]
        names += [source.stem for source in self.sources]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ConfigError(f"--from: two runs would be called {twice[0]!r}; give one file another name")

    @property
    def needs_models(self) -> bool:
        """Whether anything of it computes answers."""
        return self.ablation is not None or any(name != FROM_FILE for name in self.methods or [DEFAULT_METHOD])

    @property
    def optional(self) -> bool:
        """Whether a run may be left out: a row of a whole table, but nothing that was named."""
        return self.ablation is not None and not self.rows

    @property
    def titles(self) -> list[str]:
        """The names of the methods, a file of answers by its own."""
        names = dict.fromkeys(self.methods or [DEFAULT_METHOD])
        return [title for name in names for title in ([s.stem for s in self.sources] if name == FROM_FILE else [name])]

    def runs(self, config: Config, overrides: Mapping[str, Any]) -> list[Run]:
        """The rows of the ablation, or one run a method."""
        if self.ablation is None:
            return method_runs(config, self.methods or [DEFAULT_METHOD], overrides, self.sources)
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
