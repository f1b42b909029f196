"""A row of the table, and how two ways are measured against each other."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Row:
    """One comparison.

    row: its number in docs/performance.md. ours, theirs: medians in the unit; theirs None when there is nothing to
    compare with. ratio: theirs / ours for times, ours / theirs for shares. goal: what is to be reached, as a text.
    equal: whether both ways gave the same result, None where there is none to compare. reached: None when not measured.
    """

    row: int
    what: str
    against: str
    ours: float | None
    theirs: float | None
    unit: str
    ratio: float | None
    goal: str
    equal: bool | None
    reached: bool | None
    note: str = ""

    @classmethod
    def faster(cls, row: int, what: str, against: str, seconds: tuple[float, float], goal: float, **facts: Any) -> Row:
        """A row of (ours, theirs) seconds that is reached when ours is `goal` times as fast and equal."""
        ours, theirs = seconds
        ratio = theirs / ours
        reached = ratio >= goal and facts.get("equal") is not False
        facts = {"equal": None, "unit": "s"} | facts
        return cls(row, what, against, ours, theirs, ratio=ratio, goal=f"≥ {goal:g}×", reached=reached, **facts)

    @classmethod
    def share(cls, row: int, what: str, value: float, goal: float, **facts: Any) -> Row:
        """A row of one share that is to be reached."""
        facts = {"equal": None, "theirs": None, "ratio": value, "against": "", "unit": ""} | facts
        return cls(row, what, ours=value, goal=f"≥ {goal:g}", reached=value >= goal, **facts)

    @classmethod
    def below(cls, row: int, what: str, value: float, goal: float, unit: str, **facts: Any) -> Row:
        """A row of one value that is to stay below another."""
        facts = {"equal": None, "theirs": None, "ratio": None, "against": ""} | facts
        return cls(row, what, ours=value, unit=unit, goal=f"≤ {goal:g} {unit}", reached=value <= goal, **facts)

    @classmethod
    def skipped(cls, row: int, what: str, goal: str, why: str) -> Row:
        """A row that this machine cannot measure."""
        return cls(row, what, "", None, None, "", None, goal, None, None, why)


def interleaved(ways: dict[str, Callable[[], Any]], rounds: int, device: str = "cpu") -> dict[str, float]:
    """Median seconds of each way, taken in turn so that what else the machine does hits all alike.

    A first round, which is not counted, warms up.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    for number in range(rounds + 1):
        for name, way in ways.items():
            wait_for(device)
            started = time.perf_counter()
            way()
            wait_for(device)
            if number:
                taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def wait_for(device: str) -> None:
    """Let a GPU finish what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def matrix_rate(device: str = "cpu", dtype: torch.dtype = torch.float32, size: int = 2048, rounds: int = 5) -> float:
    """Floating-point operations per second of a big matrix product, the machine's own rate."""
    left, right = torch.rand(2, size, size, device=device, dtype=dtype)
    seconds = interleaved({"product": lambda: left @ right}, rounds, device)["product"]
    return 2 * size**3 / seconds
