"""`hybridgl compare`: output folders of `hybridgl evaluate` in, a table and a page out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hybridgl_ros.commands.checks import local_path, make_folder
from hybridgl_ros.commands.dataset_options import Images
from hybridgl_ros.errors import ConfigError, DatasetError
from hybridgl_ros.evaluation.datasets.opened import read_opened
from hybridgl_ros.evaluation.finished_runs import FinishedRun, comparable, read_runs

if TYPE_CHECKING:
    from hybridgl_ros.evaluation.samples import ReferringDataset


def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(
            parser=local_path, metavar="FOLDER...", help="Output folders of `hybridgl evaluate`, the baseline first."
        ),
    ],
    runs: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="NAME", help="Only these runs, in this order; the first is the baseline."),
    ] = None,
    common: Annotated[
        bool, typer.Option("--common", help="Compare what all runs have, instead of refusing different samples.")
    ] = False,
    out: Annotated[Path, typer.Option(parser=local_path, metavar="FILE", help="The page to write.")] = Path(
        "comparison.html"
    ),
    root: Annotated[
        Path | None,
        typer.Option(parser=local_path, metavar="PATH", help="Where the data set lies now, for the pictures."),
    ] = None,
    images: Images = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Put finished evaluations of the same samples side by side: differences with intervals, and where they disagree.

    Every run is compared with the first one, on the same resamples of the expressions.
    """
    if out.suffix not in (".html", ".htm"):
        raise ConfigError(f"--out {out}: wants a name that ends in .html")
    chosen, notes = comparable(chosen_runs(read_runs(folders), runs or ()), common)
    make_folder(out.parent, "--out")
    # From here on it takes seconds: what can be wrong with the input was found before.
    from hybridgl_ros.evaluation.comparison import as_json as plain
    from hybridgl_ros.evaluation.comparison import compare_runs
    from hybridgl_ros.evaluation.comparison_page import print_comparison, write_comparison
    from hybridgl_ros.evaluation.screen import plain_console

    splits, lost = open_again(chosen, root, images)
    comparison = compare_runs(chosen, [*notes, *lost])
    title = " · ".join(run.name for run in chosen)
    write_comparison(comparison, splits, out, title)
    if as_json:
        typer.echo(json.dumps({**plain(comparison), "page": str(out)}, ensure_ascii=False))
        return
    console = plain_console()
    print_comparison(comparison, title, console)
    console.print(f"page: {out}", soft_wrap=True)


def chosen_runs(found: list[FinishedRun], names: list[str] | tuple[()]) -> list[FinishedRun]:
    """The runs that are named, in that order; all when none is. Raises ConfigError."""
    if not names:
        return found
    by_name = {run.name: run for run in found}
    if unknown := [name for name in names if name not in by_name]:
        raise ConfigError(f"no run {unknown[0]!r}; there are {', '.join(by_name)}")
    chosen = [by_name[name] for name in dict.fromkeys(names)]
    if len(chosen) < 2:
        raise ConfigError("--run: one run cannot be compared; name a second")
    return chosen


def open_again(
    runs: list[FinishedRun], root: Path | None, images: Path | None
) -> tuple[dict[str, ReferringDataset], list[str]]:
    """The data sets that pictures can be taken from, and what to say where there are none."""
    splits = dict.fromkeys(split for split, _ in runs[0].outcomes)
    reasons = []
    for run in runs:
        try:
            return read_opened(run.folder, root, images).open(splits), []
        except DatasetError as error:
            reasons.append(str(error))
    return {}, [f"there are no pictures: {reasons[0]}"]
