"""package.xml, CMakeLists.txt, versions and distributions against what is in the repository."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = ElementTree.parse(REPOSITORY / "package.xml").getroot()
DECLARED = {element.text for kind in ("depend", "exec_depend") for element in PACKAGE.findall(kind)}
SOURCES = ("action", "config", "foxglove", "hybridgl_ros", "launch", "msg", "requirements", "rviz", "scripts", "srv")
SOURCES += ("test", "tools")
# Used without being imported: the generated messages' runtime, what actions are made of, and the command.
INDIRECT = {"rosidl_default_runtime", "action_msgs", "ros2launch"}
# How rosdep calls what pip calls otherwise.
ROSDEP_NAMES = {"opencv-python-headless": "opencv", "pillow": "pil", "pyyaml": "yaml"}
ROS = re.compile(
    r"rclpy|rosgraph_msgs|launch|launch_ros|cv_bridge|diagnostic_updater|\w+_msgs|\w+_interfaces|\w+_msgs_py|tf2\w*"
)


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


def test_the_workspace_installs_every_folder_of_shared_files() -> None:
    text = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    (shared,) = re.findall(r"install\(DIRECTORY ([\w ]+)\n  DESTINATION share/", text)
    assert shared.split() == ["config", "foxglove", "launch", "rviz"]
    assert all(any((REPOSITORY / folder).iterdir()) for folder in shared.split())


def test_colcon_test_runs_tests_that_are_there() -> None:
    (listed,) = re.findall(r"set\(tests ([^)]*)\)", (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8"))
    tests = listed.split()
    assert "ros" in tests
    assert [test for test in tests if not (REPOSITORY / "test" / test).exists()] == []
    assert "ament_cmake_pytest" in {element.text for element in PACKAGE.findall("test_depend")}


def requirement_names(lines: list[str]) -> set[str]:
    """Names of pip requirements, without versions and comments, as pip compares them."""
    return {re.split(r"[<>=!~; \[]", line)[0].replace("_", "-").lower() for line in lines if line[:1] not in ("#", "")}


def library_requirements() -> set[str]:
    (call,) = [
        node
        for node in ast.walk(ast.parse((REPOSITORY / "setup.py").read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setup"
    ]
    (value,) = [keyword.value for keyword in call.keywords if keyword.arg == "install_requires"]
    return requirement_names(ast.literal_eval(value))


def test_what_the_library_needs_is_in_package_xml_or_in_the_one_file() -> None:
    text = (REPOSITORY / "requirements" / "workspace.txt").read_text(encoding="utf-8")
    by_pip = requirement_names(text.splitlines())
    by_rosdep = {name.removeprefix("python3-") for name in DECLARED if name and name.startswith("python3-")}
    here = {ROSDEP_NAMES.get(name, name) for name in library_requirements()}
    assert here == by_pip | by_rosdep
    assert by_pip & by_rosdep == {"numpy"}, "only NumPy is in both: apt's neighbours need an old one"


def test_the_version_is_the_same_everywhere() -> None:
    init = (REPOSITORY / "hybridgl_ros" / "__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "(.+)"$', init, re.MULTILINE)
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert {version} == {PACKAGE.findtext("version"), str(citation["version"])}
    assert f"## {version}" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_has_what_its_format_wants() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "license", "version"} <= citation.keys()
    assert citation["license"] == PACKAGE.findtext("license")
    assert all(entry.get("title") and entry.get("authors") for entry in citation["references"])


@pytest.fixture(scope="module")
def distributions(tmp_path_factory) -> tuple[set[str], set[str]]:
    """File names of the source distribution, and of the wheel that is made of it; nothing is fetched."""
    folder = tmp_path_factory.mktemp("distributions")
    source = folder / "source"
    left_out = shutil.ignore_patterns(".*", "build", "install", "log", "*.egg-info", "__pycache__", "site")
    shutil.copytree(REPOSITORY, source, ignore=left_out)
    build_backend("build_sdist", source, folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    build_backend("build_wheel", unpacked, folder)
    (wheel,) = folder.glob("*.whl")
    names = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    return names, set(zipfile.ZipFile(wheel).namelist())


def is_source(file: Path) -> bool:
    """Whether a file is the package's own: neither compiled nor a cache."""
    return not any(part == "__pycache__" or part.startswith(".") for part in file.relative_to(REPOSITORY).parts)


def build_backend(step: str, source: Path, target: Path) -> None:
    code = f"import sys; from setuptools import build_meta; build_meta.{step}(sys.argv[1])"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code, target]
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_source_distribution_holds_a_ros_package(distributions) -> None:
    names, _ = distributions
    wanted = {file for folder in SOURCES for file in (REPOSITORY / folder).rglob("*") if file.is_file()}
    wanted = {str(file.relative_to(REPOSITORY)) for file in wanted if is_source(file)}
    wanted |= {"package.xml", "CMakeLists.txt", "LICENSE", "README.md", "SECURITY.md", "CITATION.cff"}
    assert wanted - names == set()


def test_the_wheel_holds_the_library_with_its_data_and_nothing_else(distributions) -> None:
    _, names = distributions
    library = {file for file in (REPOSITORY / "hybridgl_ros").rglob("*") if file.is_file()}
    wanted = {str(file.relative_to(REPOSITORY)) for file in library if is_source(file)}
    presets = {file.relative_to(REPOSITORY / "config") for file in (REPOSITORY / "config").rglob("*") if file.is_file()}
    wanted |= {f"hybridgl_ros/presets/{file}" for file in presets}
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == wanted
    assert any(name.endswith("licenses/LICENSE") or name.endswith("dist-info/LICENSE") for name in names)
