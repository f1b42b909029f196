"""Whether messages of this machine still reach this process.

Fast DDS takes messages in through a file in shared memory, a port. A process that starts where another has just ended
gets that one's port, and those who still write to the old one may remove it under its feet, most of all on a busy
machine: the process lives, is seen by everybody, and hears nothing for good. The kernel tells: the port is mapped, and
deleted.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

PERIOD = 1.0
# Looks in a row: Fast DDS exchanges a port that is out of order for a new one.
LOOKS = 3
# The lock beside a port is open in the process that listens to it, and in no other for long.
LOCK = re.compile(r"/(fast\w+_port\d+)_[es]l$")
MAPPED = re.compile(r"/(fast\w+_port\d+)( \(deleted\))?$", re.MULTILINE)


def lost_ports(process: Path = Path("/proc/self")) -> set[str]:
    """Ports that a process listens to and nobody can write to any more; none where there is no /proc."""
    try:
        links = [os.readlink(entry) for entry in (process / "fd").iterdir() if entry.is_symlink()]
        mapped = MAPPED.findall((process / "maps").read_text(encoding="utf-8", errors="replace"))
    except OSError:  # no such system, or a file that was closed meanwhile
        return set()
    listened = {found[1] for link in links if (found := LOCK.search(link))}
    alive = {port for port, deleted in mapped if not deleted}
    return listened & {port for port, deleted in mapped if deleted} - alive


class HearingWatch:
    """Within `with`, looks again and again whether this process hears.

    on_loss: called once, in another thread, when it does not. lost: whether that was so.
    """

    def __init__(self, on_loss: Callable[[], object], look: Callable[[], set[str]] = lost_ports) -> None:
        self._on_loss = on_loss
        self._look = look
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="hearing", daemon=True)
        self.lost = False

    def __enter__(self) -> HearingWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        in_a_row = 0
        while not self._ended.wait(PERIOD):
            in_a_row = in_a_row + 1 if self._look() else 0
            if in_a_row == LOOKS:
                self.lost = True
                self._on_loss()
                return


def start_anew() -> NoReturn:
    """Replace this process by a new one with the same command line; what is not put in order is lost."""
    sys.stdout.flush()
    sys.stderr.flush()
    # What is ignored would stay so, and what is open, too.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
