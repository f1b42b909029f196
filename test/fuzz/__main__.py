"""Gives segment_node random and mutated messages; the exit code is 1 when one of them was met with silence."""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import rclpy
from fake_node import ColourSegmenter

from fuzz.harness import Harness
from fuzz.messages import HEIGHT, WIDTH, Fuzzer
from hybridgl_ros.ros.segment.segment_node import load_segmenter

# Raw pictures and depth, and compressed ones.
TRANSPORTS = {
    "raw": (),
    "compressed": ("-p", "image_transport:=compressed", "-p", "depth_transport:=compressedDepth"),
}
SEGMENTERS = {"fake": partial(ColourSegmenter, Path("no gate")), "embedded": load_segmenter}


def red_block() -> np.ndarray:
    """H×W×3 uint8 RGB."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[5:12, 4:20, 0] = 255
    return pixels


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=20000, help="messages, half of them for compressed pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", choices=SEGMENTERS, default="fake")
    options = parser.parse_args()
    rclpy.init()
    for transport, parameters in TRANSPORTS.items():
        begin = time.monotonic()
        harness = Harness(SEGMENTERS[options.models], red_block(), *parameters)
        try:
            harness.run(Fuzzer(options.seed), options.count // 2)
        finally:
            harness.close()
        print(
            f"{transport}: {harness.calls} messages in {time.monotonic() - begin:.1f} s to {', '.join(harness.inputs)}"
        )
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
