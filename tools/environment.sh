# Source this in bash: puts the checkout's virtual environment, its ROS 2 if it holds one, and the built package
# into the shell. A ROS 2 installed on the machine is to be sourced before.
_hybridgl_checkout="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# Left over from another environment, this variable would keep the ROS wheels from finding their libraries.
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE
. "$_hybridgl_checkout/.venv/bin/activate"
if [ -e "$VIRTUAL_ENV/share/ament_index/resource_index/packages/rclpy" ]; then
    export ROS_VERSION=2 ROS_PYTHON_VERSION=3 ROS_DISTRO=jazzy
    case ":${AMENT_PREFIX_PATH:-}:" in
        *":$VIRTUAL_ENV:"*) ;;
        *) export AMENT_PREFIX_PATH="$VIRTUAL_ENV${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}" ;;
    esac
    case ":${CMAKE_PREFIX_PATH:-}:" in
        *":$VIRTUAL_ENV:"*) ;;
        *) export CMAKE_PREFIX_PATH="$VIRTUAL_ENV${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}" ;;
    esac
fi
if [ -e "$_hybridgl_checkout/install/setup.bash" ]; then
    . "$_hybridgl_checkout/install/setup.bash"
fi
# Images larger than Fast DDS's usual shared memory segment get lost on their way, unless the sender has a larger one.
if [ -z "${FASTDDS_DEFAULT_PROFILES_FILE:-}${FASTRTPS_DEFAULT_PROFILES_FILE:-}" ] &&
    [ -z "${FASTDDS_BUILTIN_TRANSPORTS:-}${ROS_DISCOVERY_SERVER:-}" ]; then
    export FASTDDS_DEFAULT_PROFILES_FILE="$_hybridgl_checkout/config/dds/fastdds.xml"
    export FASTRTPS_DEFAULT_PROFILES_FILE="$FASTDDS_DEFAULT_PROFILES_FILE"
fi
unset _hybridgl_checkout
