"""Recordings for Rerun, as several commands make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hybridgl_ros.recording import Recording

Rerun = Annotated[
    str | None,
    typer.Option(metavar="FILE.rrd|spawn", help="Record picture, proposals and answers for Rerun, or show them there."),
]


def open_recording(target: str | None) -> Recording | None:
    """The recording that --rerun wants. Raises ConfigError as `Recording`."""
    if target is None:
        return None
    from hybridgl_ros.recording import Recording

    return Recording(target)
