"""A history gives back what large messages took, as the profile wants it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hybridgl_ros.ros.common.dds import LEFT_TO_PROFILE

PROGRAM = Path(__file__).with_name("history_memory.py")


def megabytes_kept(**changes: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != LEFT_TO_PROFILE}
    run = subprocess.run(
        [sys.executable, PROGRAM], env=environment | changes, capture_output=True, text=True, timeout=120, check=True
    )
    return float(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
def test_places_do_not_keep_the_size_of_the_largest_message() -> None:
    assert megabytes_kept() < 2
    # What ROS chooses by itself: twenty places of a megabyte.
    assert megabytes_kept(**{LEFT_TO_PROFILE: "0"}) > 10
