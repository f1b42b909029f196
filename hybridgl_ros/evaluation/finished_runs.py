"""Finished evaluations read back from their folders, and whether they can be compared with each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from hybridgl_ros.errors import ConfigError, DatasetError
from hybridgl_ros.evaluation.predictions import named
from hybridgl_ros.evaluation.samples import Outcome

Key = tuple[str, str]
"""A sample's split and id."""
SAME = ("image", "expression", "has_target", "target_area")
"""What two runs must say alike of a sample."""


@dataclass(frozen=True)
class FinishedRun:
    """One run of an output folder.

    name: how it is called in a comparison. about: what results.json says of the job. outcomes, masks (RLE): by sample.
    """

    name: str
    folder: Path
    about: Mapping[str, Any]
    outcomes: Mapping[Key, Outcome]
    masks: Mapping[Key, Mapping[str, Any]]

    def only(self, keys: Sequence[Key]) -> FinishedRun:
        """The same run on some of its samples, in the order given."""
        return replace(self, outcomes={key: self.outcomes[key] for key in keys})


def read_runs(folders: Sequence[Path]) -> list[FinishedRun]:
    """Every run of every folder. Raises ConfigError for a folder that holds no results, or for fewer than two runs."""
    found: list[FinishedRun] = []
    for folder in dict.fromkeys(folders):
        found += read_folder(folder)
    if len(found) < 2:
        raise ConfigError("there is one run only; name a second output folder of `hybridgl evaluate`")
    names = [run.name for run in found]
    return [run if names.count(run.name) == 1 else replace(run, name=f"{run.folder} · {run.name}") for run in found]


def read_folder(folder: Path) -> Iterator[FinishedRun]:
    """The runs of one folder, called as it where there is one, else as themselves. Raises ConfigError."""
    path = folder / "results.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        about = {name: value for name, value in content.items() if name != "results"}
        runs = [run["name"] for run in about["runs"]]
        entries = content["results"]
        known = {"dataset", "splits", "truth", "complete"} <= set(about)
    except FileNotFoundError as error:
        raise ConfigError(f"{folder}: no results.json of an evaluation") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: not the results of an evaluation ({error!r})") from error
    if not known:
        raise ConfigError(f"{path}: not the results of an evaluation (it lacks dataset, splits, truth or complete)")
    for run in runs:
        mine = [entry for entry in entries if entry["run"] == run]
        try:
            outcomes = {(entry["split"], entry["id"]): outcome_of(entry) for entry in mine}
            masks = {(entry["split"], entry["id"]): entry["mask"] for entry in mine}
        except (KeyError, TypeError, DatasetError) as error:
            raise ConfigError(f"{path}: not the results of an evaluation of this version ({error})") from error
        yield FinishedRun(folder.name if len(runs) == 1 else run, folder, about, outcomes, masks)


def outcome_of(entry: Mapping[str, Any]) -> Outcome:
    """An entry of results.json as an outcome. Raises DatasetError when it lacks something."""
    names = {field.name for field in fields(Outcome)}
    return Outcome.from_json({**{name: value for name, value in entry.items() if name in names}, "timings": {}})


def comparable(runs: Sequence[FinishedRun], common: bool) -> tuple[list[FinishedRun], list[str]]:
    """The runs on the samples to compare, in the first one's order, and what a reader must know.

    common: compare what all have instead of refusing runs of different samples. Raises ConfigError naming what
    differs: the data set, how its truth is drawn, the samples, or a sample itself.
    """
    first = runs[0]
    differing, notes = [], []
    for other in runs[1:]:
        check_same_set(first, other)
        for here, there in ((first, other), (other, first)):
            if lacking := [key for key in here.outcomes if key not in there.outcomes]:
                ids = named([" ".join(key) for key in lacking])
                differing.append(f"{there.name} lacks {len(lacking)} of {here.name}'s expressions ({ids})")
    if differing and not common:
        raise ConfigError(f"{'; '.join(differing)}; --common compares what all have")
    keys = [key for key in first.outcomes if all(key in run.outcomes for run in runs)]
    if not keys:
        raise ConfigError("the runs have no expression in common")
    for other in runs[1:]:
        check_same_samples(first, other, keys)
    notes += [f"{run.name} was stopped early" for run in runs if not run.about["complete"]]
    if differing:
        notes.append(f"only the {len(keys)} expressions that all have are compared: {'; '.join(differing)}")
    depths = {run.name: run.about.get("depth", True) for run in runs}
    if len(set(depths.values())) > 1:
        without = ", ".join(name for name, depth in depths.items() if not depth)
        notes.append(f"evaluated without the data set's depth: {without}")
    return [run.only(keys) for run in runs], notes


def check_same_set(first: FinishedRun, other: FinishedRun) -> None:
    """Raise ConfigError when two runs are of different data sets, splits, or truths."""
    for what, of in (("data set", "dataset"), ("splits", "splits"), ("truth", "truth")):
        here, there = first.about[of], other.about[of]
        if of == "splits":
            here, there = sorted(here), sorted(there)
        if here != there:
            raise ConfigError(f"not of the same {what}: {first.name} {here!r}, {other.name} {there!r}")


def check_same_samples(first: FinishedRun, other: FinishedRun, keys: Sequence[Key]) -> None:
    """Raise ConfigError when two runs say different things of a sample, and thus were scored on different data."""
    for key in keys:
        here, there = first.outcomes[key], other.outcomes[key]
        for field in SAME:
            if getattr(here, field) != getattr(there, field):
                raise ConfigError(
                    f"not of the same data: the {field} of {' '.join(key)} is {getattr(here, field)!r} in "
                    f"{first.name}, {getattr(there, field)!r} in {other.name}"
                )
