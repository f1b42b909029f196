"""`hybridgl download`: weights into the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from hybridgl_ros.commands.checks import local_path
from hybridgl_ros.commands.options import WeightsFolder
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.models.download import download as fetch
from hybridgl_ros.models.registry import find_checkpoint


def download(
    names: Annotated[list[str], typer.Argument(help="Checkpoints, see `hybridgl models`.")],
    cache: WeightsFolder = None,
    mirror: Annotated[
        str | None, typer.Option(help="URL prefix to take the files from, e.g. https://example.org/weights")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", parser=local_path, metavar="FILE", help="Local file to take instead of a download."),
    ] = None,
) -> None:
    """Bring weights into the cache; goes on where it was interrupted, checks the SHA-256."""
    if source is not None and len(names) > 1:
        raise ConfigError("--from takes the file of one checkpoint")
    wanted = [find_checkpoint(name) for name in names]
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    for checkpoint in wanted:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(checkpoint.name, total=checkpoint.size or None)

            def report(done: int, total: int, bar: Progress = bar, task: Any = task) -> None:
                bar.update(task, completed=done, total=total or None)

            path = fetch(checkpoint, cache=cache, mirror=mirror, source=source, progress=report)
            bar.update(task, completed=path.stat().st_size, total=path.stat().st_size)
        typer.echo(f"{checkpoint.name}: {path}")
