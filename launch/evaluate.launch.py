"""Scores a bag through segment_node: starts the node, plays the bag into it, and ends with the figures.

ros2 launch hybridgl_ros evaluate.launch.py bag:=PATH [out:=FOLDER] [rate:=0.5] [offline:=true]

Every argument of segment.launch.py but cameras is one of this, too; the node runs in continuous mode and on the bag's
time. An argument left empty is not passed on: evaluate_bag holds its default.
"""

from __future__ import annotations

from pathlib import Path

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, Shutdown
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.ros.common import launching
from launch import LaunchContext, LaunchDescription

FILE = Path(__file__)
SEGMENT = FILE.with_name("segment.launch.py")
BAG = "Recorded bag, sqlite3 or MCAP, or of ROS 1, with image, expression and truth mask topics."
# Launch argument, which is also the option of evaluate_bag: what it says.
OPTIONS = {
    "out": "Folder of online.json and, with offline, of the offline results.",
    "rate": "Times as fast as recorded; inf: without any pause.",
    "limit": "Only the first expressions.",
    "timeout": "Seconds to wait for the node and its models.",
    "compare": "Folder of offline results to compare with.",
}
# Further arguments: default and description.
OTHERS = {
    "topics": ("", "Topics of the bag as NAME=TOPIC pairs, NAME one of image, expression, truth, depth, camera_info."),
    "offline": ("false", "Evaluate offline, too, under the node's settings, and compare: true or false."),
}
# Ctrl-C ends the playing; writing what was scored may take longer than launch's five seconds.
ENDING_TIME = "60"


def check_arguments(context: LaunchContext) -> None:
    """Refuse a misspelt argument and a bag that is not there, before the node loads its models."""
    if launching.is_launched(FILE):
        declared = {"bag", *OPTIONS, *OTHERS, *launching.OTHERS, *launching.PARAMETERS} - {"cameras"}
        launching.check_names(context.argv, declared)
    bag = LaunchConfiguration("bag").perform(context)
    if not Path(bag).exists():
        raise ConfigError(f"bag: no such file or folder: {bag}")
    launching.truth_of("offline", LaunchConfiguration("offline").perform(context))


def evaluate_bag(context: LaunchContext) -> list[Node]:
    """The player and scorer with what was given on the command line; everything ends with it."""

    def given(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    namespace = launching.full_namespace(context.launch_configurations.get("ros_namespace", ""), given("namespace"))
    arguments = [given("bag"), "--online", "--node", f"{namespace}/segment_node"]
    for option in OPTIONS:
        if given(option):
            arguments += [f"--{option}", given(option)]
    for pair in given("topics").split():
        arguments += ["--topic", pair]
    if launching.truth_of("offline", given("offline")):
        arguments.append("--offline")
    return [
        Node(
            package="hybridgl_ros",
            executable="evaluate_bag",
            namespace=given("namespace"),
            output="screen",
            # No terminal: tables in full width, no progress bar.
            additional_env={"PYTHONUNBUFFERED": "1"},
            arguments=arguments,
            remappings=[(topic, given(topic)) for topic in launching.TOPICS if given(topic) not in ("", topic)],
            sigterm_timeout=ENDING_TIME,
            on_exit=end_with_it,
        )
    ]


def end_with_it(event: ProcessExited, context: LaunchContext) -> list[Shutdown] | None:
    """What launch does when the bag is evaluated, or cannot be."""
    if context.is_shutdown:
        return None
    if event.returncode:
        raise RuntimeError(f"{event.process_name} ended with exit code {event.returncode}")
    return [Shutdown(reason="the bag is evaluated")]


def generate_launch_description() -> LaunchDescription:
    """Every argument with its description, those of segment.launch.py included."""
    arguments = [DeclareLaunchArgument("bag", description=BAG)]
    arguments += [
        DeclareLaunchArgument(name, default_value="", description=f"{text} Empty: as evaluate_bag has it.")
        for name, text in OPTIONS.items()
    ]
    arguments += [
        DeclareLaunchArgument(name, default_value=default, description=text) for name, (default, text) in OTHERS.items()
    ]
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SEGMENT)),
        launch_arguments={"mode": "continuous", "use_sim_time": "true", "required": "true"}.items(),
    )
    check = OpaqueFunction(function=check_arguments)
    return LaunchDescription([*arguments, check, node, OpaqueFunction(function=evaluate_bag)])
