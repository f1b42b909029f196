#!/usr/bin/env bash
# Runs a command in the workspace's environment: ROS 2, virtual environment, the built package, its Fast DDS profile.
#   HYBRIDGL_WORKSPACE   where the workspace is, /workspace in the image
set -e
workspace=${HYBRIDGL_WORKSPACE:-/workspace}
package=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
if [ -e "$workspace/.venv/bin/activate" ]; then
    # shellcheck disable=SC1090
    . "/opt/ros/$ROS_DISTRO/setup.bash"
    # shellcheck disable=SC1091
    . "$workspace/.venv/bin/activate"
    # shellcheck disable=SC1091
    . "$workspace/install/setup.bash"
    if [ -z "${FASTDDS_DEFAULT_PROFILES_FILE:-}${FASTRTPS_DEFAULT_PROFILES_FILE:-}" ]; then
        export FASTDDS_DEFAULT_PROFILES_FILE="$package/config/dds/fastdds.xml"
        export FASTRTPS_DEFAULT_PROFILES_FILE="$FASTDDS_DEFAULT_PROFILES_FILE"
    fi
else
    # shellcheck disable=SC1091
    . "$package/tools/environment.sh"
fi
exec "$@"
