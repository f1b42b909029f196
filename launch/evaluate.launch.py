"""Scores a bag through segment_node: starts the node, plays the bag into it, and ends with the figures.

ros2 launch hybridgl_ros evaluate.launch.py bag:=PATH [out:=FOLDER] [rate:=0.5] [offline:=true]

Every argument of segment.launch.py is one of this, too; the node runs in continuous mode and on the bag's time.
An argument left empty is not passed on: evaluate_bag holds its default.
"""

from pathlib import Path

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction, Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription

SEGMENT = Path(__file__).with_name("segment.launch.py")
BAG = "Recorded bag, sqlite3 or MCAP, with image, expression and truth mask topics."
# Launch argument, which is also the option of evaluate_bag: what it says.
OPTIONS = {
    "out": "Folder of online.json and, with offline, of the offline results.",
    "rate": "Times as fast as recorded.",
    "limit": "Only the first expressions.",
    "timeout": "Seconds to wait for the node and its models.",
    "compare": "Folder of offline results to compare with.",
}
TOPICS = "Topics of the bag as NAME=TOPIC pairs, NAME one of image, expression, truth, depth, camera_info."
OFFLINE = "Evaluate offline, too, under the node's settings, and compare: true or false."
TRUE = ("true", "1")
# Ctrl-C ends the playing; writing what was scored may take longer than launch's five seconds.
ENDING_TIME = "60"


def evaluate_bag(context: LaunchContext) -> list[Node]:
    """The player and scorer with what was given on the command line; everything ends with it."""

    def given(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    namespace = given("namespace").strip("/")
    arguments = [given("bag"), "--online", "--node", f"/{namespace}/segment_node" if namespace else "/segment_node"]
    for option in OPTIONS:
        if given(option):
            arguments += [f"--{option}", given(option)]
    for pair in given("topics").split():
        arguments += ["--topic", pair]
    if given("offline").lower() in TRUE:
        arguments.append("--offline")
    return [
        Node(
            package="hybridgl_ros",
            executable="evaluate_bag",
            output="screen",
            # No terminal: tables in full width, no progress bar.
            additional_env={"PYTHONUNBUFFERED": "1"},
            arguments=arguments,
            remappings=[(topic, given(topic)) for topic in ("image", "expression") if given(topic) != topic],
            sigterm_timeout=ENDING_TIME,
            on_exit=Shutdown(reason="the bag is evaluated"),
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """Every argument with its description, those of segment.launch.py included."""
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SEGMENT)),
        launch_arguments={"mode": "continuous", "use_sim_time": "true"}.items(),
    )
    arguments = [DeclareLaunchArgument("bag", description=BAG)]
    arguments += [
        DeclareLaunchArgument(name, default_value="", description=f"{text} Empty: as evaluate_bag has it.")
        for name, text in OPTIONS.items()
    ]
    arguments += [
        DeclareLaunchArgument("topics", default_value="", description=TOPICS),
        DeclareLaunchArgument("offline", default_value="false", description=OFFLINE),
    ]
    return LaunchDescription([*arguments, node, OpaqueFunction(function=evaluate_bag)])
