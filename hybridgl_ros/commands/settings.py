"""`hybridgl settings`: what can be set."""

from __future__ import annotations

from typing import Annotated

import typer

from hybridgl_ros.commands.output import show
from hybridgl_ros.reference import as_markdown, settings_table


def settings(markdown: Annotated[bool, typer.Option(help="Print a Markdown table.")] = False) -> None:
    """List every setting with its range and its value in each preset."""
    rows = settings_table()
    if markdown:
        typer.echo(as_markdown(rows))
    else:
        show(rows)
