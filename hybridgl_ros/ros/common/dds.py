"""Fast DDS's profile that ships: images larger than its usual shared memory segment get lost on their way."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from hybridgl_ros.resources import config_directory

PROFILE = Path("dds", "fastdds.xml")
# Of newer and of older Fast DDS.
PROFILE_VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
# Whoever has set one of these has thought about it.
DDS_VARIABLES = (*PROFILE_VARIABLES, "FASTDDS_BUILTIN_TRANSPORTS", "ROS_DISCOVERY_SERVER")
# Read from the current folder.
DEFAULT_PROFILES = ("DEFAULT_FASTDDS_PROFILES.xml", "DEFAULT_FASTRTPS_PROFILES.xml")
FAST_DDS = "rmw_fastrtps"


def has_own_profile(environment: Mapping[str, str], folder: Path) -> bool:
    """Whether the user has said how DDS is to work: variables, a profile in the current folder, another DDS."""
    other = not (environment.get("RMW_IMPLEMENTATION") or FAST_DDS).startswith(FAST_DDS)
    return (
        other
        or any(environment.get(name) for name in DDS_VARIABLES)
        or any((folder / name).is_file() for name in DEFAULT_PROFILES)
    )


def use_dds_profile(environment: MutableMapping[str, str] = os.environ, folder: Path | None = None) -> None:
    """Let Fast DDS send images through a shared memory segment that holds them, unless the user has a profile.

    To be called before rclpy.init. folder: the current one.
    """
    profile = config_directory() / PROFILE
    if profile.is_file() and not has_own_profile(environment, folder or Path.cwd()):
        environment.update(dict.fromkeys(PROFILE_VARIABLES, str(profile)))
