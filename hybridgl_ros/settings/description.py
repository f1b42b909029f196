"""What is known of one setting, and how a dataclass of settings carries it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

STAGES = ("models", "image", "answer")


@dataclass(frozen=True)
class Description:
    """What is known of one setting, e.g. `fusion.alpha`."""

    name: str
    type: type
    text: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    stage: str

    @property
    def live(self) -> bool:
        """Whether a running node may change it."""
        return self.stage != "models"


def setting(
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    stage: str = "answer",
) -> Any:
    """A dataclass field that carries its own description."""
    if stage not in STAGES:
        raise ValueError(f"unknown stage {stage!r}")
    return field(metadata={"text": text, "low": low, "high": high, "choices": choices, "stage": stage})


def describe(kind: type, prefix: str = "") -> dict[str, Description]:
    """The descriptions of one dataclass of settings, by name with the prefix."""
    types = get_type_hints(kind)
    return {
        prefix + entry.name: Description(name=prefix + entry.name, type=types[entry.name], **entry.metadata)
        for entry in fields(kind)
    }
