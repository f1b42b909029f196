"""Looks at this machine: the only part of the doctor that is not a pure function."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from hybridgl_ros import __version__
from hybridgl_ros.config import load_config
from hybridgl_ros.doctor.facts import Dds, Facts, Ros, Torch, Weights
from hybridgl_ros.doctor.hardware import DDS_VARIABLES, named_profile
from hybridgl_ros.errors import HybridGLError
from hybridgl_ros.memory import available_memory
from hybridgl_ros.models.cache import checked_weights, weights_path
from hybridgl_ros.models.extras import check_library
from hybridgl_ros.models.registry import find_checkpoint
from hybridgl_ros.resources import config_directory
from hybridgl_ros.settings import Config
from hybridgl_ros.threads import usable_cpus

# Read by Fast DDS from the current folder.
DEFAULT_PROFILES = ("DEFAULT_FASTDDS_PROFILES.xml", "DEFAULT_FASTRTPS_PROFILES.xml")
SHARED_MEMORY = Path("/dev/shm")
# A cv_bridge that was built for another NumPy may end the process that imports it.
BRIDGE = "import cv_bridge; import cv_bridge.boost.cv_bridge_boost"
BRIDGE_SECONDS = 60


def look_around(
    config_name: str,
    overrides: Mapping[str, Any] | None = None,
    preset: str | None = None,
    driver_gpus: int | None = None,
) -> Facts:
    """The facts of this process and machine; imports torch and spaCy. driver_gpus: how many GPUs the driver shows."""
    config, config_error = configuration(config_name, overrides, preset)
    pipeline, pipeline_error = language_pipeline(config)
    return Facts(
        python=sys.version_info[:3],
        environment=sys.prefix if sys.prefix != sys.base_prefix else "",
        package=(__version__, str(Path(__file__).resolve().parents[1])),
        numpy=version_of("numpy"),
        ros=ros(),
        torch=torch_state(driver_gpus),
        config=config_name,
        config_error=config_error,
        device=config.models.device if config else "auto",
        threads=config.models.threads if config else 0,
        weights=tuple(weights(getattr(config.models, kind), kind) for kind in ("sam", "clip")) if config else (),
        pipeline=pipeline,
        pipeline_error=pipeline_error,
        dds=dds(),
        memory=available_memory(),
        cores=usable_cpus(),
        openmp=os.environ.get("OMP_NUM_THREADS", ""),
    )


def configuration(name: str, overrides: Mapping[str, Any] | None, preset: str | None) -> tuple[Config | None, str]:
    """The configuration, or why it cannot be read."""
    try:
        return load_config(name, preset=preset, overrides=overrides), ""
    except HybridGLError as error:
        return None, str(error)


def version_of(distribution: str) -> str:
    """The installed version; empty when it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def first_line(error: Exception) -> str:
    """What an error says, in a line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def is_there(module: str) -> bool:
    """Whether Python finds a module, which is not imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def ros() -> Ros:
    """What ROS 2 there is; nothing of it is imported."""
    spec = importlib.util.find_spec("rclpy")
    origin = spec.origin if spec else None
    return Ros(
        distribution=os.environ.get("ROS_DISTRO", ""),
        prefixes=tuple(filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep))),
        rclpy=spec is not None,
        wheels=bool(origin) and Path(str(origin)).is_relative_to(sys.prefix) and sys.prefix != sys.base_prefix,
        messages=is_there("hybridgl_ros.msg"),
        bridge=bridge_error() if is_there("cv_bridge") else None,
    )


def bridge_error() -> str:
    """Why cv_bridge does not import, in a line; empty when it does."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", BRIDGE], capture_output=True, text=True, check=False, timeout=BRIDGE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    if "compiled using NumPy 1" in done.stderr:
        return "compiled using NumPy 1"
    return (done.stderr.strip().splitlines() or [f"it ends Python with code {done.returncode}"])[-1]


def torch_state(driver_gpus: int | None = None) -> Torch:
    """torch and torchvision, imported: an import alone tells whether they fit each other."""
    try:
        import torch
        import torchvision
    except Exception as error:  # what a broken pair raises is of no one type
        return Torch(version_of("torch"), version_of("torchvision"), first_line(error))
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return Torch(
        version=torch.__version__,
        torchvision=torchvision.__version__,
        cuda=torch.version.cuda or "",
        gpus=tuple(gpus) if torch.cuda.is_available() else (),
        driver_gpus=driver_gpus,
        threads=torch.get_num_threads(),
    )


def language_pipeline(config: Config | None) -> tuple[str, str]:
    """Name and version of the spaCy pipeline, or why there is none."""
    if config is None:
        return "", ""
    try:
        from hybridgl_ros.language.pipeline import load_pipeline, pipeline_name

        return pipeline_name(load_pipeline(config.models.spacy)), ""
    except Exception as error:  # a pipeline of another spaCy fails in ways of its own
        return "", first_line(error)


def weights(name: str, kind: str) -> Weights:
    """A checkpoint, whether what computes it is installed, and whether it is there with the right SHA-256."""
    try:
        checkpoint = find_checkpoint(name, kind)
    except HybridGLError as error:
        return Weights(name, kind, error=str(error))
    size = checkpoint.size or (path.stat().st_size if (path := weights_path(checkpoint)).is_file() else 0)
    try:
        check_library(checkpoint.architecture)
        checked_weights(checkpoint)
    except HybridGLError as error:
        return Weights(name, kind, checkpoint.architecture, size, str(error))
    return Weights(name, kind, checkpoint.architecture, size)


def dds(folder: Path | None = None, shared_memory: Path = SHARED_MEMORY) -> Dds:
    """Variables, profile and shared memory. folder: the current one."""
    folder = folder or Path.cwd()
    own = [str(folder / name) for name in DEFAULT_PROFILES if (folder / name).is_file()]
    environment = {name: os.environ[name] for name in DDS_VARIABLES if os.environ.get(name)}
    profile = named_profile(Dds(environment, own_profile=own[0] if own else ""))
    segment, error = segment_size(Path(profile)) if profile else (None, "")
    usage = shutil.disk_usage(shared_memory) if shared_memory.is_dir() else None
    return Dds(
        environment=environment,
        own_profile=own[0] if own else "",
        shipped=config_directory() / "dds" / "fastdds.xml",
        profile_error=error,
        segment=segment,
        total=usage.total if usage else None,
        free=usage.free if usage else None,
    )


def segment_size(profile: Path) -> tuple[int | None, str]:
    """The largest shared memory segment (bytes) that a profile names, and why it cannot be read (empty: it can)."""
    try:
        root = ElementTree.parse(profile).getroot()
        sizes = [int(str(element.text)) for element in root.iter() if element.tag.rpartition("}")[2] == "segment_size"]
    except OSError as error:
        return None, error.strerror or str(error)
    except (ElementTree.ParseError, ValueError) as error:
        return None, str(error)
    return max(sizes, default=None), ""
