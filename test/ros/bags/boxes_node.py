"""segment_node with the real method over fixed boxes and a random CLIP, as the fakes of the evaluation have them."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "evaluation"))

from fake_evaluation import FixedBoxes, loader

from hybridgl_ros.ros.common.executable import run
from hybridgl_ros.ros.segment.segment_node import SegmentNode

if __name__ == "__main__":
    sys.exit(run(partial(SegmentNode, loader(FixedBoxes()))))
