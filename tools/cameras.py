"""Measures the memory of several cameras: in one process with one set of models, and with a process for each.

Starts segment_node with the models that ship, once for one camera, once for all in one process and once with a process
for each, asks every camera several times and prints the memory of all processes together: resident, and with pages that
processes share counted once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from itertools import islice
from pathlib import Path

import rclpy
from lifecycle import EXPRESSION, Process
from std_msgs.msg import Header

from hybridgl_ros.ros.common.client import SegmentClient
from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.tabletop.dataset import TabletopSet, validation_path

NODE = [sys.executable, "-m", "hybridgl_ros.ros.segment.segment_node"]


def measure(commands: list[list[str]], cameras: list[str], answers: int) -> tuple[float, float]:
    """Megabytes, resident and shared out, of processes whose cameras have given so many answers, each on a picture."""
    pictures = [image_message(entry.image, "rgb8", Header(frame_id="optical")) for entry in scenes(answers)]
    running = [subprocess.Popen([*NODE, *words]) for words in commands]
    try:
        clients = [SegmentClient(f"/{camera}/segment_node", timeout=120.0) for camera in cameras]
        for client in clients:
            client.wait_for_models()
        for picture in pictures:
            for client in clients:
                response = client.refer(EXPRESSION, picture)
                if not response.success:
                    raise SystemExit(f"no answer: {response.message}")
        for client in clients:
            client.close()
        resident = sum(Process(process.pid).memory for process in running)
        return resident, sum(shared_out(process.pid) for process in running)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def shared_out(number: int) -> float:
    """Megabytes of a process, with its part of each page that others have, too."""
    lines = Path("/proc", str(number), "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


def scenes(count: int):
    known = TabletopSet(validation_path())
    return islice((known[index] for index in range(len(known))), count)


def main() -> int:
    """Measure all three; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--answers", type=int, default=6, help="answers of each camera, each on a picture of its own")
    options = parser.parse_args()
    names = [f"camera{number}" for number in range(options.cameras)]
    together = [word for name in names for word in ("--camera", name)]
    rclpy.init()
    ways = {
        "one camera": ([together[:2]], names[:1]),
        f"{len(names)} cameras, one process": ([together], names),
        f"{len(names)} cameras, a process each": ([["--camera", name] for name in names], names),
    }
    print("| | resident (MB) | shared pages once (MB) |\n|---|---|---|")
    for way, (commands, cameras) in ways.items():
        resident, once = measure(commands, cameras, options.answers)
        print(f"| {way} | {resident:.0f} | {once:.0f} |", flush=True)
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
