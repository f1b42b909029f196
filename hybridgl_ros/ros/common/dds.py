"""Fast DDS's profile that ships.

Images larger than its usual shared memory segment get lost on their way, and every place of a history keeps the size of
the largest message that it ever held.
"""

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
# ROS chooses how histories take memory, and how messages are published, unless it is told to leave that to the profile.
LEFT_TO_PROFILE, PUBLICATION_MODE = "RMW_FASTRTPS_USE_QOS_FROM_XML", "RMW_FASTRTPS_PUBLICATION_MODE"


def has_own_profile(environment: Mapping[str, str], folder: Path) -> bool:
    """Whether the user has said how DDS is to work: variables, a profile in the current folder, another DDS."""
    other = not (environment.get("RMW_IMPLEMENTATION") or FAST_DDS).startswith(FAST_DDS)
    return (
        other
        or any(environment.get(name) for name in DDS_VARIABLES)
        or any((folder / name).is_file() for name in DEFAULT_PROFILES)
    )


def use_dds_profile(environment: MutableMapping[str, str] = os.environ, folder: Path | None = None) -> None:
    """Let Fast DDS work as the profile says that ships, unless the user has another one.

    To be called before rclpy.init. folder: the current one.
    """
    profile = config_directory() / PROFILE
    if profile.is_file() and not has_own_profile(environment, folder or Path.cwd()):
        environment.update(dict.fromkeys(PROFILE_VARIABLES, str(profile)))
    if is_used(profile, environment) and not environment.get(PUBLICATION_MODE):
        environment.setdefault(LEFT_TO_PROFILE, "1")


def is_used(profile: Path, environment: Mapping[str, str]) -> bool:
    """Whether Fast DDS reads this file."""
    named = next((environment[name] for name in PROFILE_VARIABLES if environment.get(name)), None)
    return named is not None and Path(named).exists() and profile.exists() and Path(named).samefile(profile)
