"""How many threads the models run on, and what they do while they wait; imports nothing that imports torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from hybridgl_ros.cgroups import group_folders, read_number

# OpenMP's threads spin between two operations, as if no other process wanted the cores.
QUIET = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}


def quiet_waiting(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let OpenMP's threads sleep while they wait, unless the user said otherwise.

    OpenMP reads this when torch is imported: it must run before. For programs of this package only; the library
    leaves the environment of a larger program alone.
    """
    if not any(name in environment for name in QUIET):
        environment.update(QUIET)


def usable_cpus(root: Path = Path("/"), affinity: int | None = None) -> int:
    """Cores this process may keep busy, at least 1: those it may run on, and its control groups' share of time.

    root: where /proc and /sys are. affinity: number of cores it may run on, when not the real one.
    """
    cores = affinity or available_cores()
    return max(1, int(min([cores, *quotas(root)])))


def available_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def quotas(root: Path) -> Iterator[float]:
    """Each limit on the processor time of the process's control groups, in cores."""
    for folder in group_folders("cpu", root):
        quota, period = read_number(folder / "cpu.cfs_quota_us"), read_number(folder / "cpu.cfs_period_us")
        if quota and period and quota > 0:
            yield quota / period
        try:
            share, _, length = (folder / "cpu.max").read_text(encoding="utf-8").partition(" ")
            if share != "max":
                yield int(share) / int(length)
        except (OSError, ValueError, ZeroDivisionError):
            continue


def use_threads(count: int) -> None:
    """Run torch's operations on `count` threads; 0: on as many as now, unless the process may use fewer cores."""
    import torch

    torch.set_num_threads(count or min(torch.get_num_threads(), usable_cpus()))
