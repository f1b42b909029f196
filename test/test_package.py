"""package.xml and CMakeLists.txt against what is in the repository."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = ElementTree.parse(REPOSITORY / "package.xml").getroot()
DECLARED = {element.text for kind in ("depend", "exec_depend") for element in PACKAGE.findall(kind)}
# Used without being imported: the generated messages' runtime, and the command.
INDIRECT = {"rosidl_default_runtime", "ros2launch"}
ROS = re.compile(r"rclpy|rosgraph_msgs|launch|launch_ros|cv_bridge|\w+_msgs|\w+_interfaces|\w+_msgs_py|tf2\w*")


def imported() -> set[str]:
    """Top-level names that the installed Python files import."""
    files = [file for folder in ("hybridgl_ros", "launch", "scripts") for file in (REPOSITORY / folder).rglob("*")]
    names: set[str] = set()
    for file in files:
        if file.is_file() and (file.suffix == ".py" or file.parent.name == "scripts"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names.update(alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names.add(node.module.partition(".")[0])
    return names


def test_ros_packages_are_declared_and_used() -> None:
    used = {name for name in imported() if ROS.fullmatch(name)}
    declared = {name for name in DECLARED if name and not name.startswith("python3-")}
    assert declared - INDIRECT == used


def test_colcon_test_runs_tests_that_are_there() -> None:
    (listed,) = re.findall(r"set\(tests ([^)]*)\)", (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8"))
    tests = listed.split()
    assert "ros" in tests
    assert [test for test in tests if not (REPOSITORY / "test" / test).exists()] == []
    assert "ament_cmake_pytest" in {element.text for element in PACKAGE.findall("test_depend")}
