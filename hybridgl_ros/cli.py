"""The `hybridgl` command. Each command only reads its arguments and prints; the work is in the library."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hybridgl_ros.errors import ConfigError, HybridGLError
from hybridgl_ros.reference import Row, as_markdown, models_table, settings_table
from hybridgl_ros.threads import quiet_waiting

NOT_FOUND = 1
FAILED = 2

app = typer.Typer(
    help="Find what an expression refers to in a picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
FORWARDED: dict[str, Any] = {
    "add_help_option": False,
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
}
Cache = Annotated[Path | None, typer.Option(help="Folder of the weights instead of the usual cache.")]


@app.command()
def models(cache: Cache = None) -> None:
    """List the checkpoints: size, licence, and where each one is."""
    show(models_table(cache))


@app.command()
def settings(markdown: Annotated[bool, typer.Option(help="Print a Markdown table.")] = False) -> None:
    """List every setting with its range and its value in each preset."""
    rows = settings_table()
    if markdown:
        typer.echo(as_markdown(rows))
    else:
        show(rows)


@app.command()
def download(
    names: Annotated[list[str], typer.Argument(help="Checkpoints, see `hybridgl models`.")],
    cache: Cache = None,
    mirror: Annotated[
        str | None, typer.Option(help="URL prefix to take the files from, e.g. https://example.org/weights")
    ] = None,
    source: Annotated[Path | None, typer.Option("--from", help="Local file to take instead of a download.")] = None,
) -> None:
    """Bring weights into the cache; goes on where it was interrupted, checks the SHA-256."""
    from hybridgl_ros.models.download import download as fetch
    from hybridgl_ros.models.registry import find_checkpoint

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


@app.command()
def segment(
    image: Annotated[Path, typer.Argument(help="Picture file.")],
    expressions: Annotated[
        list[str], typer.Argument(metavar="EXPRESSION...", help='What to find, e.g. "the dog on the left".')
    ],
    config: Annotated[str, typer.Option(help="embedded, photo, or a YAML file.")] = "embedded",
    preset: Annotated[str | None, typer.Option(help="paper or official, instead of the file's.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a setting; may be repeated.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Torch device, e.g. cpu or cuda:0.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the mask and overlay pictures.")] = Path(),
    candidates: Annotated[int, typer.Option(min=1, help="How many ranked candidates to print.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON line an expression.")] = False,
) -> None:
    """Find what expressions refer to in a picture; saves a mask and an overlay of each.

    Exit code 0: everything was found; 1: something was not; 2: an error.
    """
    from hybridgl_ros.drawing import draw_answer, read_image, write_image
    from hybridgl_ros.presentation import record, report
    from hybridgl_ros.segmenter import ReferringSegmenter

    picture = read_image(image)
    overrides = parsed(changes or [])
    segmenter = ReferringSegmenter.from_config(config, preset=preset, device=device, overrides=overrides)
    scene = segmenter.encode(picture)
    out.mkdir(parents=True, exist_ok=True)
    answers = segmenter.refer(scene, expressions)
    for expression, answer, stem in zip(expressions, answers, file_stems(image, expressions), strict=True):
        files = {"mask": out / f"{stem}-mask.png", "overlay": out / f"{stem}-overlay.png"}
        write_image(files["mask"], answer.mask)
        write_image(files["overlay"], draw_answer(picture, answer))
        if as_json:
            typer.echo(
                json.dumps(
                    {
                        "expression": expression,
                        **record(answer, candidates),
                        "files": {kind: str(path) for kind, path in files.items()},
                    }
                )
            )
        else:
            typer.echo(report(expression, answer, candidates))
            typer.echo(f"  saved       {files['overlay']}, {files['mask']}")
    if not all(answer.found for answer in answers):
        raise typer.Exit(NOT_FOUND)


@app.command(**FORWARDED)
def evaluate(context: typer.Context) -> None:
    """Score a method on a data set, beside what the paper reports."""
    from hybridgl_ros.evaluation.command import evaluate as command

    forward(context, command)


@app.command(**FORWARDED)
def export(context: typer.Context) -> None:
    """Write a data set in another format: JSONL, the REFER layout, or a bag."""
    from hybridgl_ros.evaluation.export_command import export as command

    forward(context, command)


def forward(context: typer.Context, command: Callable[..., None]) -> None:
    """Run a command whose options name what the library offers: it takes seconds to import, no other shall wait."""
    forwarded = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    forwarded.command()(command)
    forwarded(context.args, prog_name=context.command_path)


def parsed(changes: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE pairs with values read as YAML. Raises ConfigError for anything else."""
    values = {}
    for change in changes:
        name, separator, value = change.partition("=")
        if not separator:
            raise ConfigError(f"--set wants NAME=VALUE, got {change!r}")
        try:
            values[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {name}: {value!r} is not readable as a value") from error
    return values


def file_stems(image: Path, expressions: Sequence[str]) -> list[str]:
    """A file name without suffix for each expression, all different."""
    stems: list[str] = []
    for expression in expressions:
        words = re.sub(r"\W+", "-", expression.lower())[:60].strip("-")
        stem = f"{image.stem}-{words or 'expression'}"
        count = sum(re.fullmatch(rf"{re.escape(stem)}(-\d+)?", other) is not None for other in stems)
        stems.append(f"{stem}-{count + 1}" if count else stem)
    return stems


def show(rows: Sequence[Row]) -> None:
    """Print rows of the same columns; piped into a file, every row stays on one line."""
    console = Console()
    if not console.is_terminal:
        for line in (list(rows[0]), *(list(row.values()) for row in rows)):
            typer.echo("\t".join(line))
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*row.values())
    console.print(table)


def main() -> None:
    """Run the command; an error that a person can act on is a red message and exit code 2."""
    quiet_waiting()
    try:
        app()
    except (HybridGLError, OSError) as error:
        Console(stderr=True, soft_wrap=True).print(str(error), style="red", markup=False, highlight=False)
        raise SystemExit(FAILED) from None


if __name__ == "__main__":
    main()
