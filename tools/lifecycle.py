"""Takes segment_node through its lifecycle many times and tells what each state costs in memory and CPU.

Starts the node, with the models that ship, as a process of its own, and shows it frames all the time. After the first
cycles, in which libraries take what they never give back, the memory of the unconfigured node must not grow any more;
the exit code is 1 when it grows by more than the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from hybridgl_ros.ros.common.client import SegmentClient
from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.tabletop.dataset import TabletopSet, validation_path

RATE = 10.0
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
STEPS = {"configure": "inactive", "activate": "active", "deactivate": "inactive again", "cleanup": "unconfigured"}
EXPRESSION = "the red cube"


class Process:
    """Memory and CPU time of a process, as /proc says."""

    def __init__(self, number: int) -> None:
        self._folder = Path("/proc", str(number))

    @property
    def memory(self) -> float:
        """Resident megabytes."""
        return int((self._folder / "statm").read_text().split()[1]) * PAGE / 1e6

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


class Cycles:
    """Drives the node and notes what it costs. pause: seconds for which each state is watched."""

    def __init__(self, client: SegmentClient, process: Process, pause: float) -> None:
        self._client = client
        self._process = process
        self._pause = pause
        self._change = client.node.create_client(ChangeState, "/segment_node/change_state")
        self._image = image_message(TabletopSet(validation_path())[0].image, "rgb8", Header(frame_id="optical"))
        camera = client.node.create_publisher(Image, "/image", 1)
        client.node.create_timer(1 / RATE, lambda: camera.publish(self._image))
        self.memory: defaultdict[str, list[float]] = defaultdict(list)
        self.cpu: defaultdict[str, list[float]] = defaultdict(list)
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)

    def begin(self) -> None:
        """Watch the node that has never been configured."""
        self._client.diagnostics()
        self._watch("never configured")

    def run(self, answers: int) -> None:
        """One cycle, with so many answers in the active state."""
        for step, state in STEPS.items():
            begin = time.monotonic()
            request = ChangeState.Request(transition=Transition(label=step))
            if not self._client.call(self._change, request).success:
                raise SystemExit(f"{step} failed")
            self.seconds[step].append(time.monotonic() - begin)
            self._watch(state)
            if state == "active":
                self._answer(answers)

    def _answer(self, answers: int) -> None:
        begin, before = time.monotonic(), self._process.cpu
        for _ in range(answers):
            response = self._client.refer(EXPRESSION, self._image)
            if not response.success:
                raise SystemExit(f"no answer: {response.message}")
        self._note("answering", before, begin)

    def _watch(self, state: str) -> None:
        begin, before = time.monotonic(), self._process.cpu
        while time.monotonic() < begin + self._pause:
            self._client.take_in(0.1)
        self._note(state, before, begin)

    def _note(self, state: str, cpu: float, begin: float) -> None:
        self.memory[state].append(self._process.memory)
        self.cpu[state].append(100 * (self._process.cpu - cpu) / (time.monotonic() - begin))


def table(cycles: Cycles) -> str:
    """Median memory and CPU by state, as Markdown."""
    rows = ["| state | memory (MB) | CPU (%) |", "|---|---|---|"]
    for state, memory in cycles.memory.items():
        rows.append(f"| {state} | {statistics.median(memory):.0f} | {statistics.median(cycles.cpu[state]):.0f} |")
    return "\n".join(rows)


def growth(memory: list[float], warm: int) -> float:
    """Percent by which the last fifth of the cycles lies above the first fifth after the warm-up, by their medians."""
    rest = memory[warm:]
    fifth = max(1, len(rest) // 5)
    first, last = statistics.median(rest[:fifth]), statistics.median(rest[-fifth:])
    return 100 * (last / first - 1)


def main() -> int:
    """Run the cycles; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--warm", type=int, default=5, help="cycles before the memory is looked at")
    parser.add_argument("--answers", type=int, default=2, help="answers a cycle")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds that each state is watched")
    parser.add_argument("--limit", type=float, default=2.0, help="growth of the memory that is allowed, in percent")
    parser.add_argument("--out", type=Path, help="JSON file for all that was measured")
    options = parser.parse_args()
    command = [sys.executable, "-m", "hybridgl_ros.ros.segment.segment_node", "--ros-args", "-p", "autostart:=false"]
    node = subprocess.Popen(command)
    try:
        rclpy.init()
        client = SegmentClient(timeout=120.0)
        cycles = Cycles(client, Process(node.pid), options.pause)
        cycles.begin()
        for _ in range(options.cycles):
            cycles.run(options.answers)
        client.close()
    finally:
        node.terminate()
        code = node.wait()
        rclpy.try_shutdown()
    if options.out:
        measured = {"memory": cycles.memory, "cpu": cycles.cpu, "seconds": cycles.seconds}
        options.out.write_text(json.dumps(measured, indent=1))
    grown = growth(cycles.memory["unconfigured"], options.warm)
    print(table(cycles))
    for step, seconds in cycles.seconds.items():
        print(f"{step}: {statistics.median(seconds):.2f} s")
    print(f"memory of the unconfigured node after {options.warm} cycles: {grown:+.2f} % (limit {options.limit:g} %)")
    return 1 if grown > options.limit or code else 0


if __name__ == "__main__":
    sys.exit(main())
