"""Processes that measure when they are told to, so that two versions of the package can take turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

CHILDREN = Path(__file__).with_name("children")


class Child:
    """A program of `children/` that answers every line it reads with a line of JSON."""

    def __init__(self, program: str, *arguments: object, environment: Mapping[str, str] | None = None) -> None:
        self.name = program
        self._process = subprocess.Popen(
            [sys.executable, CHILDREN / f"{program}.py", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def ask(self, line: str = "go") -> dict[str, Any]:
        """What the program answers. Raises RuntimeError when it has ended."""
        self.send(line)
        return self.answer()

    def send(self, line: str = "go") -> None:
        """Let it begin; `answer` waits for the end."""
        print(line, file=self._process.stdin, flush=True)

    def answer(self) -> dict[str, Any]:
        """The answer to the last line sent."""
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} ended with code {self._process.wait()}")
        return json.loads(answer)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait(timeout=60)


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return status(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most bytes of memory that a process has held."""
    return status(pid, "VmHWM")


def status(pid: int, key: str) -> int:
    """One of the kernel's figures of a process, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def peak_memory(run: Callable[[], object], device: str) -> int:
    """Bytes that something takes at most above what this process holds before; on a GPU, torch's own count."""
    if device.startswith("cuda"):
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        run()
        return torch.cuda.max_memory_allocated(device) - before
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = status(os.getpid(), "VmRSS")
    run()
    return status(os.getpid(), "VmHWM") - before
