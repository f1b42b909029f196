"""The launch files under the real `ros2 launch`, where it is installed."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from wrong_arguments import WRONG

from hybridgl_ros.ros.common.client import SegmentClient

FOLDER = Path(__file__).resolve().parents[3] / "launch"
PATIENCE = 300.0

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ros2launch") is None, reason="ros2 launch is not installed")


def launch_command(*words: str) -> dict[str, Any]:
    """Arguments of subprocess for `ros2 launch`."""
    program = "import sys; from ros2cli.cli import main; sys.exit(main())"
    environment = {**os.environ, "OVERRIDE_LAUNCH_PROCESS_OUTPUT": "screen"}
    return {"args": [sys.executable, "-c", program, "launch", *words], "text": True, "env": environment}


def ros2_launch(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(**launch_command(*words), capture_output=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize(("word", "reason"), [*WRONG, ("alhpa:=1", "did you mean 'alpha'")])
def test_ros2_launch_says_it_in_a_line(word: str, reason: str) -> None:
    finished = ros2_launch("hybridgl_ros", "segment.launch.py", word)
    assert finished.returncode == 1
    said = finished.stdout + finished.stderr
    assert reason in said and "Traceback" not in said


def test_ros2_launch_fails_with_its_node() -> None:
    finished = ros2_launch("hybridgl_ros", "segment.launch.py", "config:=nowhere")
    assert finished.returncode == 1
    assert "segment_node-1 died with exit code 1" in finished.stdout + finished.stderr


def test_ros2_launch_runs_two_cameras_until_ctrl_c(ros: None, tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("/arm/wrist/segment_node: {ros__parameters: {autostart: false}}\n")
    words = ("cameras:=front,wrist", "namespace:=arm", "image:=/one,/two", f"params_file:={file}")
    log = tmp_path / "log"
    with log.open("w") as output:
        launched = subprocess.Popen(
            **launch_command("hybridgl_ros", "segment.launch.py", *words),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    client = SegmentClient("/arm/front/segment_node", timeout=PATIENCE)
    try:
        client.wait_for_models()
        assert client.diagnostics()["image topic"] == "/one"
        other = SegmentClient("/arm/wrist/segment_node", timeout=PATIENCE)
        values = other.diagnostics()
        other.close()
        assert (values["image topic"], values["state"], values["models"]) == ("/two", "unconfigured", "none")
    finally:
        client.close()
        os.killpg(launched.pid, signal.SIGINT)
        code = launched.wait(PATIENCE)
    assert code == 0, log.read_text()
    assert "process has finished cleanly" in log.read_text()


GROUP = """
from launch import LaunchDescription
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import PushRosNamespace

def generate_launch_description():
    source = PythonLaunchDescriptionSource({file!r})
    arguments = {{"bag": {bag!r}, "namespace": "arm", "out": {out!r}, "rate": "inf"}}.items()
    included = IncludeLaunchDescription(source, launch_arguments=arguments)
    return LaunchDescription([GroupAction([PushRosNamespace("robot"), included])])
"""


def test_ros2_launch_evaluates_within_a_group(tmp_path: Path) -> None:
    from itertools import islice

    from hybridgl_ros.evaluation.datasets.bag import frames_of
    from hybridgl_ros.evaluation.datasets.bag_file import write_bag
    from hybridgl_ros.evaluation.datasets.tabletop import open_tabletop

    write_bag(islice(frames_of(open_tabletop()), 2), tmp_path / "bag")
    file = tmp_path / "group.launch.py"
    names = {"file": str(FOLDER / "evaluate.launch.py"), "bag": str(tmp_path / "bag"), "out": str(tmp_path / "out")}
    file.write_text(GROUP.format(**names))
    finished = ros2_launch(str(file))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "playing" in finished.stdout
    assert (tmp_path / "out" / "online.json").is_file()
