"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, WRONG = "ok", "warning", "wrong"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    check: what was looked at. state: ok; warning (works, but not as well or not everything); wrong (does not work).
    text: what was found. cure: the command that cures it, empty when there is nothing to cure.
    """

    check: str
    state: str
    text: str
    cure: str = ""


def ok(check: str, text: str) -> Finding:
    return Finding(check, OK, text)


def warning(check: str, text: str, cure: str) -> Finding:
    return Finding(check, WARNING, text, cure)


def wrong(check: str, text: str, cure: str) -> Finding:
    return Finding(check, WRONG, text, cure)
