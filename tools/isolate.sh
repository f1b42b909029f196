# Source this in bash: runs of the demo and the tests neither meet each other nor leave the machine.
export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
export ROS_DOMAIN_ID=$((RANDOM % 102))
if [ "${ROS_DISTRO:-}" = humble ]; then
    export ROS_LOCALHOST_ONLY=1
fi
