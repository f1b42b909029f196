"""The node and the camera, as processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CAMERA = Path(__file__).with_name("camera.py")


class SegmentNode:
    """segment_node with the models that ship, in continuous mode."""

    def __init__(self, namespace: str) -> None:
        command = [sys.executable, "-m", "hybridgl_ros.ros.segment.segment_node", "--ros-args"]
        self._process = subprocess.Popen([*command, "-r", f"__ns:={namespace}", "-p", "mode:=continuous"])

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


class Camera:
    """See `camera.py`."""

    def __init__(self, topic: str, width: int, height: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, CAMERA, topic, str(width), str(height)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(self, rate: float, frames: int) -> float:
        """Have so many frames sent; seconds that it took."""
        self.begin(rate, frames)
        return self.end()

    def begin(self, rate: float, frames: int) -> None:
        """Have frames sent; `end` waits for the last one."""
        print(rate, frames, file=self._process.stdin, flush=True)

    def end(self) -> float:
        """Seconds that sending took. Raises RuntimeError when the camera has ended."""
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the camera ended with code {self._process.wait()}")
        return json.loads(answer)["seconds"]

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait()
