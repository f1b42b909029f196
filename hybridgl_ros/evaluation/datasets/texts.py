"""Texts as data sets store them: checked before anything is scored or written."""

from __future__ import annotations

from typing import Any

from hybridgl_ros.errors import DatasetError


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
