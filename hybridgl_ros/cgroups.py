"""Where Linux tells what a container or service may use: the control groups of this process, version 1 and 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

MOUNT = Path("sys/fs/cgroup")


def group_folders(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """Folders that may hold this process's limits of a controller (cpu, memory), its own group's before its parents'.

    A limit of any of them counts. Inside a container the paths of /proc/self/cgroup may be those of the host, so the
    mount point itself is always among them. Nothing on a system without control groups.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            mounts = [root / MOUNT, root / MOUNT / "unified"]
        elif controller in controllers.split(","):
            mounts = [root / MOUNT / name for name in dict.fromkeys((controllers, controller))]
        else:
            continue
        parts = Path(path.lstrip("/"))
        for mount in mounts:
            yield from (mount / part for part in (parts, *parts.parents) if part.parts and ".." not in part.parts)
            yield mount


def read_number(path: Path) -> int | None:
    """The whole number in a file; None when there is no such file or it says `max`."""
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
