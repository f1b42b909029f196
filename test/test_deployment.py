"""Workflows, container and the installer that both share: they name what there is, and agree with each other."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from hybridgl_ros.doctor.limits import limits

CHECKOUT = Path(__file__).resolve().parents[1]
WORKFLOW = yaml.safe_load((CHECKOUT / ".github/workflows/ci.yaml").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((CHECKOUT / "docker/compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (CHECKOUT / "docker/Dockerfile").read_text(encoding="utf-8")
INSTALLER = CHECKOUT / "docker/install.sh"
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
COMMANDS = [step["run"] for step in STEPS if "run" in step]


def test_every_job_says_where_and_how_long_it_runs():
    assert len(WORKFLOW["jobs"]) >= 5
    for name, job in WORKFLOW["jobs"].items():
        assert job["runs-on"].startswith("ubuntu-") and job["timeout-minutes"] <= 90, name
    assert WORKFLOW["permissions"] == {"contents": "read"}


def test_every_step_runs_a_command_or_a_pinned_action():
    for step in STEPS:
        assert ("run" in step) != ("uses" in step), step
        assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]), step


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_shell_and_name_what_there_is(command):
    bash = shutil.which("bash") or "bash"
    plain = re.sub(r"\$\{\{.*?\}\}", "value", command)
    assert subprocess.run([bash, "-n"], input=plain, text=True, check=False).returncode == 0
    targets = re.findall(r"^(\w+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"\bmake (\w+)", command)) <= set(targets)
    for path in re.findall(r"(?:src/hybridgl_ros/)?((?:docker|tools)/[\w.]+)", command):
        assert (CHECKOUT / path).is_file(), path
    for name in re.findall(r"ros2 run hybridgl_ros (\w+)", command):
        assert (CHECKOUT / "scripts" / name).is_file(), name


def test_expressions_name_values_of_their_matrix():
    for job in WORKFLOW["jobs"].values():
        named = set(re.findall(r"matrix\.(\w+)", str(job)))
        assert named == set(job.get("strategy", {}).get("matrix", {}))


def test_the_matrix_has_every_python_and_distribution_that_is_promised():
    first, last = (int(version.partition(".")[2]) for version in limits().pythons)
    jobs = WORKFLOW["jobs"]
    assert jobs["plain"]["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in range(first, last + 1)]
    assert tuple(jobs["ros"]["strategy"]["matrix"]["distribution"]) == limits().distributions
    text = (CHECKOUT / "tools" / "bootstrap.py").read_text(encoding="utf-8")
    (promised,) = re.findall(r"^WHEEL_PYTHONS = (.*)$", text, re.MULTILINE)
    assert ast.literal_eval(promised) == ((3, first), (3, last))


def test_image_and_workflow_install_by_the_same_script_from_the_one_file():
    for step in ("dependencies", "build"):
        assert re.search(rf"install\.sh {step} ", DOCKERFILE)
        assert any(f"docker/install.sh {step} " in command for command in COMMANDS)
    assert "requirements/workspace.txt" in INSTALLER.read_text(encoding="utf-8")
    assert "pip install" not in DOCKERFILE


def test_the_image_copies_what_there_is_and_is_not_root():
    for source in re.findall(r"^COPY (\S+) ", DOCKERFILE, re.MULTILINE):
        assert (CHECKOUT / source).exists(), source
    (user,) = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert int(user) > 0 and f"--uid {user}" in DOCKERFILE
    (default,) = re.findall(r"^ARG ROS_DISTRO=(\w+)$", DOCKERFILE, re.MULTILINE)
    assert default in limits().distributions


def test_what_is_copied_first_is_all_that_the_dependencies_step_reads(tmp_path):
    """Without an /opt/ros the script goes another way, so its text is looked at."""
    text = INSTALLER.read_text(encoding="utf-8")
    body = text[text.index("dependencies() {") : text.index("build() {")]
    named = set(re.findall(r'"\$package/([\w.]+)', body))
    copied = set(re.findall(r"^COPY (\w[\w.]*) ", DOCKERFILE, re.MULTILINE))
    assert named == {"requirements"} <= copied and "package.xml" in copied


def test_the_services_start_programs_that_there_are_and_share_memory():
    services = COMPOSE["services"]
    for name, service in services.items():
        match service["command"]:
            case ["ros2", "run", "hybridgl_ros", program]:
                assert (CHECKOUT / "scripts" / program).is_file(), name
            case ["ros2", "launch", "hybridgl_ros", file, *_]:
                assert (CHECKOUT / "launch" / file).is_file(), name
            case ["ros2", "launch", package, _]:
                assert package.replace("_", "-") in services["node"]["build"]["args"]["PACKAGES"], name
            case other:
                pytest.fail(f"{name}: {other}")
    assert services["node"]["ipc"] == "shareable"
    for name in services.keys() - {"node"}:
        assert (services[name]["ipc"], services[name]["network_mode"]) == ("service:node", "service:node"), name
    wanted = limits().segments * 32 * 2**20
    assert int(services["node"]["shm_size"].removesuffix("m")) * 2**20 > wanted
    assert set(services["node"]["build"]["args"]) == set(re.findall(r"^ARG (\w+)=", DOCKERFILE, re.MULTILINE))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [([], 1, "usage: docker/install.sh"), (["build"], 1, "usage: docker/install.sh")],
)
def test_the_installer_says_how_it_is_used(arguments, code, said):
    done = subprocess.run(["bash", INSTALLER, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code and said in done.stderr


def test_without_ros_the_installer_hands_on_to_the_makefile(tmp_path):
    """A stand-in for make records what it is asked for."""
    if list(Path("/opt/ros").glob("*/setup.bash")):
        pytest.skip("there is a ROS 2 under /opt/ros")
    (tmp_path / "make").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (tmp_path / "make").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "TORCH_INDEX": "https://example.org/cpu",
        "PYTHON": "python3.12",
    }
    for step, target in (("dependencies", "setup"), ("build", "build"), ("all", "build")):
        command = ["bash", INSTALLER, step, tmp_path]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        torch = "TORCH=torch torchvision --index-url https://example.org/cpu"
        assert f"-C|{CHECKOUT}|{target}|EXTRAS=|{torch}|PYTHON=python3.12|" in done.stdout, done.stderr


def test_the_entrypoint_runs_its_command_in_the_workspace(tmp_path):
    (tmp_path / "ros").mkdir()
    for path, name in ((".venv/bin/activate", "VENV_SEEN"), ("install/setup.bash", "WORKSPACE_SEEN")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(f"export {name}=1\n")
    entrypoint = (CHECKOUT / "docker/entrypoint.sh").read_text(encoding="utf-8")
    copy = tmp_path / "src" / "hybridgl_ros" / "docker" / "entrypoint.sh"
    copy.parent.mkdir(parents=True)
    copy.write_text(entrypoint.replace("/opt/ros/$ROS_DISTRO/setup.bash", f"{tmp_path}/ros/setup.bash"))
    (tmp_path / "ros" / "setup.bash").write_text("export ROS_SEEN=1\n")
    done = subprocess.run(
        ["bash", copy, "sh", "-c", "echo $ROS_SEEN$VENV_SEEN$WORKSPACE_SEEN $FASTDDS_DEFAULT_PROFILES_FILE"],
        env={"PATH": "/usr/bin:/bin", "HYBRIDGL_WORKSPACE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["111", f"{copy.parents[1]}/config/dds/fastdds.xml"]
