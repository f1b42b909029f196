"""How a command ends: exit codes, and errors as one message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console

from hybridgl_ros.errors import HybridGLError

NOT_FOUND = 1
FAILED = 2
INTERRUPTED = 130


def run(command: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Run a command; an error that a person can act on is a red message and exit code 2."""
    try:
        command(*arguments, **options)
    except (HybridGLError, OSError, MemoryError) as error:
        text = str(error) or "there is not enough memory"
        Console(stderr=True, soft_wrap=True).print(text, style="red", markup=False, highlight=False)
        raise SystemExit(FAILED) from None
