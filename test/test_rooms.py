"""Who may import whom: the library knows no ROS, and the rooms of the ROS layer look in one direction."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[1] / "hybridgl_ros"
LAYER = LIBRARY / "ros"
ROS = re.compile(r"(rclpy|rosgraph_msgs|launch|launch_ros|tf2\w*|\w+_msgs|\w+_interfaces|\w+_msgs_py)(\.|$)")
ROOMS = {"common": set(), "segment": {"common"}, "camera": {"common"}, "bags": {"common"}}
ROOMS["demo"] = set(ROOMS)


def imports(file: Path) -> set[str]:
    """Dotted names of what a file imports, wherever in it; `from a import b` counts as a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = file.relative_to(LIBRARY.parent).with_suffix("").parts[: -node.level] if node.level else ()
            module = ".".join([*package, *filter(None, [node.module])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def test_the_library_imports_no_ros() -> None:
    files = [file for file in LIBRARY.rglob("*.py") if LAYER not in file.parents]
    assert len(files) > 100
    for file in files:
        for name in imports(file):
            assert not ROS.match(name), f"{file} imports {name}"
            assert not re.match(r"hybridgl_ros\.(ros|msg|srv|action)\b", name), f"{file} imports {name}"


def test_every_module_of_the_layer_is_in_a_room() -> None:
    assert {path.parent.name for path in LAYER.glob("*/__init__.py")} == ROOMS.keys()
    assert [path.name for path in LAYER.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_in_one_direction(room: str) -> None:
    for file in (LAYER / room).glob("*.py"):
        for name in imports(file):
            if name.startswith("hybridgl_ros.ros"):
                entered = name.split(".")[2]
                assert entered in ROOMS[room] | {room}, f"{file} imports {name}"
