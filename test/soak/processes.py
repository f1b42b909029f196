"""The node and the camera as processes that can be struck."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from hybridgl_ros.memory import resident_memory

CHECKOUT = Path(__file__).resolve().parents[2]
FAKE_NODE = CHECKOUT / "test" / "ros" / "fake_node.py"
ENDING_TIME = 60.0


class Program:
    """A program that can be started again; its output is appended to a file."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command = command
        self._log = log
        log.write_bytes(b"")
        self.process: subprocess.Popen[str]
        self.starts = 0

    def start(self, *more: str) -> None:
        """Start it, with further arguments."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(pythonpath())}
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self._command, *more],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
            )
        self.starts += 1

    def say(self, line: str) -> None:
        """A line to its input."""
        print(line, file=self.process.stdin, flush=True)

    def strike(self, number: signal.Signals) -> tuple[int, float]:
        """Send a signal and wait for the end; exit code and seconds."""
        begin = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(ENDING_TIME)
        return code, time.monotonic() - begin

    @property
    def log(self) -> str:
        """What it has written since its first start."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def end(self) -> None:
        """End it, in whatever way it takes."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(ENDING_TIME)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def pythonpath() -> list[str]:
    return [str(CHECKOUT), str(CHECKOUT / "test"), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]


def node_program(models: str, namespace: str, folder: Path) -> Program:
    """segment_node with these models: `fake` or `embedded`."""
    fake = [str(FAKE_NODE), str(folder / "gate")]
    command = ["-m", "hybridgl_ros.ros.segment.segment_node"] if models == "embedded" else fake
    # Objects that jump from picture to picture are not to be followed.
    parameters = ["use_sim_time:=true", "mode:=continuous", "image_timeout:=2.0", "tracking.enabled:=false"]
    given = [word for parameter in parameters for word in ("-p", parameter)]
    arguments = ["--ros-args", "-r", f"__ns:={namespace}", *given]
    return Program([*command, *arguments], folder / "node.log")


def camera_program(models: str, namespace: str, rate: float, folder: Path) -> Program:
    """The camera; its first number is to be given at each start."""
    return Program(["-m", "soak.camera", models, namespace, str(rate)], folder / "camera.log")


class Memory(threading.Thread):
    """Looks at the memory of the node again and again."""

    PERIOD = 0.25

    def __init__(self, node: Program) -> None:
        super().__init__(daemon=True)
        self._node = node
        self._ended = threading.Event()
        self._megabytes: list[float] = []

    def run(self) -> None:
        while not self._ended.wait(self.PERIOD):
            held = resident_memory(process=self._node.process.pid)
            if held is not None:  # else it has just ended
                self._megabytes.append(held / 1e6)

    def most(self) -> float:
        """The most that it held since this was last asked, resident megabytes."""
        seen, self._megabytes = self._megabytes, []
        return max(seen, default=math.nan)

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()
