"""`hybridgl segment`: a picture and expressions in, masks and overlays out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hybridgl_ros.commands.checks import check_expressions, check_models, local_path, make_folder
from hybridgl_ros.commands.options import Changes, ConfigName, Device, Preset, overrides_of
from hybridgl_ros.commands.output import show
from hybridgl_ros.commands.recordings import Rerun, open_recording
from hybridgl_ros.commands.running import NOT_FOUND
from hybridgl_ros.config import load_config
from hybridgl_ros.drawing import draw_answer, read_image, write_image
from hybridgl_ros.memory import made_to_last
from hybridgl_ros.presentation import record, report

if TYPE_CHECKING:
    from hybridgl_ros.types import Answer


def segment(
    image: Annotated[Path, typer.Argument(parser=local_path, metavar="IMAGE", help="Picture file.")],
    expressions: Annotated[
        list[str], typer.Argument(metavar="EXPRESSION...", help='What to find, e.g. "the dog on the left".')
    ],
    config: ConfigName = "embedded",
    preset: Preset = None,
    changes: Changes = None,
    device: Device = None,
    out: Annotated[
        Path, typer.Option(parser=local_path, metavar="FOLDER", help="Folder for the mask and overlay pictures.")
    ] = Path(),
    candidates: Annotated[int, typer.Option(min=1, help="How many ranked candidates to print.")] = 3,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Print the reading and what each of its parts says of each candidate; save it as a page."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON line an expression.")] = False,
    rerun: Rerun = None,
) -> None:
    """Find what expressions refer to in a picture; saves a mask and an overlay of each.

    --explain prints how each was read and what every part of the reading says of every candidate, and saves a page
    with picture, candidates and maps.

    Exit code 0: everything was found; 1: something was not; 2: an error.
    """
    check_expressions(expressions)
    settings = load_config(config, preset=preset, overrides=overrides_of(changes, device))
    picture = read_image(image)
    check_models(settings)
    make_folder(out, "--out")
    recording = open_recording(rerun)
    # From here on it takes seconds: what can be wrong with the input was found before.
    with made_to_last():
        from hybridgl_ros.segmenter import ReferringSegmenter

        segmenter = ReferringSegmenter.load(settings)
    scene = segmenter.encode(picture)
    answers = segmenter.refer(scene, expressions)
    if recording is not None:
        with recording:
            recording.frame(scene)
            for expression, answer in zip(expressions, answers, strict=True):
                recording.answer(expression, answer)
    about = f"{image.name} · {settings.models.sam}, {settings.models.clip} · scoring by {settings.scoring.method}"
    for expression, answer, stem in zip(expressions, answers, file_stems(image, expressions), strict=True):
        files = {"mask": out / f"{stem}-mask.png", "overlay": out / f"{stem}-overlay.png"}
        write_image(files["mask"], answer.mask)
        write_image(files["overlay"], draw_answer(picture, answer))
        if explain:
            from hybridgl_ros.explanation.page import write_page

            files["explanation"] = out / f"{stem}-explanation.html"
            write_page(files["explanation"], picture, expression, answer, about)
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
            if explain:
                print_explanation(answer, candidates)
            typer.echo(f"  saved       {', '.join(str(path) for path in reversed(files.values()))}")
    if not all(answer.found for answer in answers):
        raise typer.Exit(NOT_FOUND)


def print_explanation(answer: Answer, candidates: int) -> None:
    """The readings, and the table of clauses and candidates."""
    from hybridgl_ros.explanation.parts import clause_table, reading_lines

    for line in reading_lines(answer):
        typer.echo(f"  {line}")
    if rows := clause_table(answer, candidates):
        show(rows)


def file_stems(image: Path, expressions: Sequence[str]) -> list[str]:
    """A file name without suffix for each expression, all different."""
    stems: list[str] = []
    for expression in expressions:
        words = re.sub(r"\W+", "-", expression.lower())[:60].strip("-")
        stem = f"{image.stem}-{words or 'expression'}"
        count = sum(re.fullmatch(rf"{re.escape(stem)}(-\d+)?", other) is not None for other in stems)
        stems.append(f"{stem}-{count + 1}" if count else stem)
    return stems
