"""What the checks judge: plain values, so that a test can make up any machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Ros:
    """ROS 2 as this process sees it.

    distribution: of ROS_DISTRO, empty when nothing is sourced. prefixes: of AMENT_PREFIX_PATH. rclpy: whether Python
    finds it, and `messages` this package's own. wheels: whether it lies in the virtual environment.
    bridge: None when there is no cv_bridge, empty when it imports, else the error.
    """

    distribution: str = ""
    prefixes: tuple[str, ...] = ()
    rclpy: bool = False
    wheels: bool = False
    messages: bool = False
    bridge: str | None = None


@dataclass(frozen=True)
class Torch:
    """torch and torchvision: their versions, or the error of their import.

    cuda: the CUDA torch was built for, empty for none. gpus: names of those torch can use. driver_gpus: how many the
    driver shows, None when nobody says. threads: torch's own number.
    """

    version: str = ""
    torchvision: str = ""
    error: str = ""
    cuda: str = ""
    gpus: tuple[str, ...] = ()
    driver_gpus: int | None = None
    threads: int = 1


@dataclass(frozen=True)
class Weights:
    """One chosen checkpoint: its name and kind, architecture, size in bytes (0: not known), and what is wrong with it
    (empty: there, and of the right SHA-256)."""

    name: str
    kind: str
    architecture: str = ""
    size: int = 0
    error: str = ""


@dataclass(frozen=True)
class Dds:
    """Fast DDS's surroundings.

    environment: the variables that matter. own_profile: a profile in the current folder. shipped: this package's.
    profile_error: why the named profile cannot be read, empty when it can. segment: bytes of shared memory that it
    gives a program, None when it does not say. total, free: bytes of /dev/shm, None without one.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    own_profile: str = ""
    shipped: Path = Path()
    profile_error: str = ""
    segment: int | None = None
    total: int | None = None
    free: int | None = None


@dataclass(frozen=True)
class Facts:
    """Everything that the checks look at.

    python: its version. environment: folder of the virtual environment, empty without one. package: version and
    folder of this package. numpy: its version. config: name of the configuration; config_error: why it cannot be
    read, and then device, threads and weights are those of nothing. pipeline: name and version of the spaCy
    pipeline; pipeline_error: why there is none. memory: bytes that can still be taken, None when nobody says.
    cores: that may be used; openmp: OMP_NUM_THREADS as it is set.
    """

    python: tuple[int, int, int]
    environment: str = ""
    package: tuple[str, str] = ("", "")
    numpy: str = ""
    ros: Ros = Ros()
    torch: Torch = Torch()
    config: str = ""
    config_error: str = ""
    device: str = "auto"
    threads: int = 0
    weights: tuple[Weights, ...] = ()
    pipeline: str = ""
    pipeline_error: str = ""
    dds: Dds = field(default_factory=Dds)
    memory: int | None = None
    cores: int = 1
    openmp: str = ""
