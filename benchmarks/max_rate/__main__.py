"""Measures what camera rate segment_node takes in with less than 5 % of the frames lost, as ros2_benchmark defines it,
and how often a second it answers at a camera's usual rate.

It answers in continuous mode all the time, with the models that ship. Frames are counted where they come in, because
the node never queues them: inference works on the newest.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rclpy
from hybridgl_ros.msg import ReferredObject
from std_msgs.msg import String

from hybridgl_ros.ros.common.client import SegmentClient

from .programs import Camera, SegmentNode
from .search import LOSS_ALLOWED, Trial, highest

SIZES = ((320, 240), (640, 480), (1920, 1080))
NAMESPACE = "/max_rate"
HIGHEST = 1000.0
LOWEST = 1.0
RESOLUTION = 0.05
USUAL_RATE = 30.0
# Times as long as a trial are answers counted: there are few of them.
ANSWERING = 4
# After the last frame was sent, for those on their way.
SETTLING = 0.5
EXPRESSION = "the red cube"


class Measurement:
    """One node, and a camera of each size. seconds: that a trial lasts."""

    def __init__(self, seconds: float, highest_rate: float) -> None:
        self._seconds = seconds
        self._highest = highest_rate
        self._node = SegmentNode(NAMESPACE)
        self._client = SegmentClient(f"{NAMESPACE}/segment_node", timeout=120.0)
        self._answers: list[int] = []
        self._client.node.create_subscription(
            ReferredObject, f"{NAMESPACE}/segment_node/result", lambda _: self._answers.append(1), 10
        )
        expressions = self._client.node.create_publisher(String, f"{NAMESPACE}/expression", 10)
        self._client.wait_for_models()
        self._client.wait_for(lambda: expressions.get_subscription_count() or None, "a listener to expressions")
        expressions.publish(String(data=EXPRESSION))

    def row(self, width: int, height: int) -> dict[str, Any]:
        """What was measured at one size."""
        camera = Camera(f"{NAMESPACE}/image", width, height)
        try:
            camera.send(USUAL_RATE, 10)  # finds the connections made
            self._settle()
            best, above = highest(lambda rate: self._trial(camera, rate), LOWEST, self._highest, RESOLUTION)
            return {
                "size": [width, height],
                "rate_hz": best.rate if best else 0.0,
                "lost": best.lost if best else above.lost,
                "limited_by": "camera" if above.sender_limited or above is best else "node",
                "answers_hz": self._answering(camera),
            }
        finally:
            camera.close()

    def close(self) -> None:
        """End everything."""
        self._client.close()
        self._node.close()

    def _trial(self, camera: Camera, rate: float) -> Trial:
        frames = max(20, int(rate * self._seconds))
        before = self._received()
        seconds = camera.send(rate, frames)
        self._settle()
        trial = Trial(rate, frames, self._received() - before, seconds)
        print(f"  {rate:7.1f} Hz: sent at {trial.rate:.1f} Hz, {100 * trial.lost:.1f} % lost", flush=True)
        return trial

    def _answering(self, camera: Camera) -> float:
        """Answers a second in continuous mode."""
        seconds = ANSWERING * self._seconds
        camera.begin(USUAL_RATE, int(USUAL_RATE * (seconds + 1)))
        self._take_in(1.0)
        self._answers.clear()
        begin = time.monotonic()
        self._take_in(seconds)
        answered = len(self._answers) / (time.monotonic() - begin)
        camera.end()
        return answered

    def _received(self) -> int:
        return int(self._client.diagnostics()["frames received"])

    def _settle(self) -> None:
        self._take_in(SETTLING)

    def _take_in(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._client.take_in(0.02)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """As Markdown."""
    lines = ["| frames | taken in (Hz) | lost (%) | limited by | answers (Hz) |", "|---|---|---|---|---|"]
    for row in rows:
        size = "×".join(map(str, row["size"]))
        taken = f"{row['rate_hz']:.0f} | {100 * row['lost']:.1f}"
        lines.append(f"| {size} | {taken} | {row['limited_by']} | {row['answers_hz']:.1f} |")
    return "\n".join(lines)


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.max_rate", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="that each trial lasts")
    parser.add_argument("--highest", type=float, default=HIGHEST, help="rate (Hz) to begin with")
    parser.add_argument("--out", type=Path, default=Path("build/max_rate.json"))
    options = parser.parse_args()
    rclpy.init()
    measurement = Measurement(options.seconds, options.highest)
    rows = []
    try:
        for width, height in SIZES:
            print(f"{width}×{height}", flush=True)
            rows.append(measurement.row(width, height))
    finally:
        measurement.close()
        rclpy.try_shutdown()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"loss_allowed": LOSS_ALLOWED, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
