"""Tables on the screen."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from hybridgl_ros.reference import Row


def show(rows: Sequence[Row]) -> None:
    """Print rows of the same columns; piped into a file, every row stays on one line."""
    console = Console()
    if not console.is_terminal:
        for line in (list(rows[0]), *(list(row.values()) for row in rows)):
            typer.echo("\t".join(line))
        return
    table = Table(*map(escape, rows[0]))
    for row in rows:
        table.add_row(*map(Text, row.values()))
    console.print(table)
