"""Texts as data sets store them: checked before anything is scored or written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hybridgl_ros.errors import DatasetError

LONGEST_NAME = 255
"""Bytes; what Linux, macOS and Windows allow."""


def check_text(text: Any, entry: str) -> str:
    """The text itself. Raises DatasetError, naming the entry, when it is none or no file could hold it."""
    if not isinstance(text, str):
        raise DatasetError(f"{entry}: {text!r} is not a text")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DatasetError(f"{entry}: {text!r} is not valid Unicode") from error
    return text


def check_expression(text: Any, entry: str) -> str:
    """The expression itself. Raises DatasetError as `check_text`, and when it is blank."""
    if not check_text(text, entry).strip():
        raise DatasetError(f"{entry}: an empty expression")
    return text


def check_name(name: Any, kind: str, entry: str) -> None:
    """Raise DatasetError, naming the entry, when no file can have this name."""
    parts = Path(check_text(name, entry)).parts
    if not parts or "\0" in name or any(len(os.fsencode(part)) > LONGEST_NAME for part in parts):
        raise DatasetError(f"{entry}: {kind} {name!r} cannot be a file")
