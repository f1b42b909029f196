"""Set-up behind the Makefile: a virtual environment, ROS 2 where there is none, and the colcon build.

Standard library only. Each step leaves a stamp when it has finished, so that a repeated call returns at once
and an interrupted one goes on where it stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
INSTALL = CHECKOUT / "install"
COLCON_BUILD = CHECKOUT / "build" / "colcon"
REQUIREMENTS = CHECKOUT / "requirements"
BASE_STAMP = VENV / "hybridgl-base"
VENV_STAMP = VENV / "hybridgl-setup"
BUILD_STAMP = INSTALL / "hybridgl-build"

WHEEL_PYTHONS = ((3, 10), (3, 13))
BUILD_INPUTS = (
    *(
        "action",
        "CMakeLists.txt",
        "package.xml",
        "config",
        "foxglove",
        "hybridgl_ros",
        "launch",
        "msg",
        "rviz",
        "scripts",
    ),
    "srv",
)
WHEEL_PYTHON_INCLUDE = re.compile(r"/opt/python/cp\d+-cp\d+/include/python3\.\d+")
WHEEL_NUMPY_INCLUDE = re.compile(r"/opt/python/cp\d+-cp\d+/lib/python[\d.]+/site-packages/numpy/_?core/include")


class SetupError(Exception):
    """The machine lacks something; the text says what, and how to get it."""


def sourced_ros() -> Path | None:
    """Return the prefix of the ROS 2 that the shell has sourced; None without one (.venv does not count)."""
    for entry in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        prefix = Path(entry)
        ours = prefix == INSTALL or (prefix / "pyvenv.cfg").exists()
        if entry and not ours and (prefix / "share/ament_index/resource_index/packages/rclpy").exists():
            return prefix
    return None


def check_machine(ros: Path | None) -> None:
    """Raise SetupError when this Python, the compiler or the platform can not carry the set-up."""
    version = ".".join(map(str, sys.version_info[:2]))
    if ros is None:
        first, last = WHEEL_PYTHONS
        if not first <= sys.version_info[:2] <= last:
            raise SetupError(
                f"Python {version} has no ROS 2 wheels; they exist for 3.{first[1]} to 3.{last[1]}. "
                "Name another one, for example: make demo PYTHON=python3.12"
            )
        if sys.platform != "linux" or platform.machine() != "x86_64":
            raise SetupError(
                "ROS 2 wheels exist for Linux on x86-64 only. Install ROS 2 by its own instructions, "
                "source its setup.bash and run this again."
            )
    elif importlib.util.find_spec("rclpy") is None:
        raise SetupError(
            f"Python {version} ({sys.executable}) does not see the rclpy of {ros}. Name the Python that this "
            "ROS 2 was built for, for example: make demo PYTHON=/usr/bin/python3"
        )
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        raise SetupError("No C++ compiler found, the messages need one: sudo apt install g++ (or set CXX)")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise SetupError(f"Python.h of {sys.executable} is missing: sudo apt install python{version}-dev")
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(f"{sys.executable} has no ensurepip: sudo apt install python{version}-venv")


def digest(paths: Iterable[Path], *settings: str) -> str:
    """Return a SHA-256 over settings and the names and bytes of all files at or below the paths."""
    total = hashlib.sha256(repr(settings).encode())
    for path in paths:
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        for file in files:
            if file.suffix != ".pyc":
                total.update(f"{file.relative_to(CHECKOUT)}\n{file.stat().st_size}\n".encode())
                total.update(file.read_bytes())
    return total.hexdigest()


def read_stamp(stamp: Path) -> str:
    """Return what a step wrote when it finished, or an empty string."""
    return stamp.read_text() if stamp.exists() else ""


def run(*command: str | Path) -> None:
    """Run a command in the checkout; SetupError names it when it fails."""
    words = [str(word) for word in command]
    result = subprocess.run(words, cwd=CHECKOUT, check=False)
    if result.returncode != 0:
        raise SetupError(f"This command failed with code {result.returncode}: {shlex.join(words)}")


@contextlib.contextmanager
def sole_run() -> Iterator[None]:
    """Let one set-up at a time work in this checkout; a second one waits for the first."""
    lock = CHECKOUT / "build" / "setup.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another set-up of this checkout to end.", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def requirement_arguments(ros: Path | None, torch: str, extras: str) -> list[str]:
    """Return pip's arguments: the library and its extras, colcon, torch, and ROS 2 when none is sourced."""
    arguments = ["--editable", f"{CHECKOUT}[{extras}]" if extras else str(CHECKOUT)]
    arguments += ["--requirement", str(REQUIREMENTS / "colcon.txt")]
    if ros is None:
        arguments += ["--requirement", str(REQUIREMENTS / "ros-jazzy.txt")]
    if torch:
        arguments += shlex.split(torch)
    elif ros is None or not all(importlib.util.find_spec(name) for name in ("torch", "torchvision")):
        arguments += ["--requirement", str(REQUIREMENTS / "torch.txt")]
    return arguments


def relocate_cmake_files() -> None:
    """Point the include folders that the ROS wheels name to this environment's Python and NumPy."""
    query = "import sysconfig, numpy; print(sysconfig.get_path('include')); print(numpy.get_include())"
    answer = subprocess.run([VENV / "bin/python", "-c", query], check=True, capture_output=True, text=True)
    python_include, numpy_include = answer.stdout.splitlines()
    for file in VENV.glob("share/*/cmake/*.cmake"):
        text = file.read_text()
        relocated = WHEEL_NUMPY_INCLUDE.sub(numpy_include, WHEEL_PYTHON_INCLUDE.sub(python_include, text))
        if relocated != text:
            file.write_text(relocated)


def install(ros: Path | None, torch: str, extras: str) -> None:
    """Make .venv hold everything the package needs; do nothing when it does already."""
    arguments = requirement_arguments(ros, torch, extras)
    base = f"{CHECKOUT} {sys.version_info[0]}.{sys.version_info[1]} {sys.base_prefix} {ros or 'wheels'}"
    wanted = digest([CHECKOUT / "setup.py", *sorted(REQUIREMENTS.iterdir())], base, *arguments)
    if read_stamp(VENV_STAMP) == wanted:
        return
    check_machine(ros)
    if read_stamp(BASE_STAMP) != base:
        print(f"Making the virtual environment {VENV}", flush=True)
        for folder in (VENV, COLCON_BUILD, INSTALL):
            shutil.rmtree(folder, ignore_errors=True)
        run(sys.executable, "-m", "venv", *(["--system-site-packages"] if ros else []), VENV)
        BASE_STAMP.write_text(base)
    print("Installing the Python packages; the first time this downloads some gigabytes.", flush=True)
    run(VENV / "bin" / "python", "-m", "pip", "install", *arguments)
    if ros is None:
        relocate_cmake_files()
    VENV_STAMP.write_text(wanted)


def build() -> None:
    """Build messages and modules with colcon into install/; do nothing when no input changed."""
    wanted = digest((CHECKOUT / name for name in BUILD_INPUTS), read_stamp(VENV_STAMP))
    if read_stamp(BUILD_STAMP) == wanted:
        return
    colcon = [
        *("colcon", "--log-base", CHECKOUT / "build/log", "--log-level", "error"),
        *("build", "--base-paths", CHECKOUT, "--packages-select", "hybridgl_ros"),
        *("--build-base", COLCON_BUILD, "--install-base", INSTALL, "--merge-install", "--symlink-install"),
        *("--cmake-args", "-DBUILD_TESTING=OFF"),
    ]
    run("bash", "-c", f". tools/environment.sh && {shlex.join(map(str, colcon))}")
    BUILD_STAMP.write_text(wanted)


def main() -> int:
    """Run the steps asked for; return the process's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("install", "build"), help="build includes install")
    parser.add_argument("--extras", default="dev", help="extras of setup.py, separated by commas")
    parser.add_argument("--torch", default="", help="pip arguments in place of requirements/torch.txt")
    options = parser.parse_args()
    try:
        with sole_run():
            install(sourced_ros(), options.torch, options.extras)
            if options.step == "build":
                build()
    except SetupError as error:
        print(f"\nSet-up stopped. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSet-up interrupted; the next call goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
