"""Starts segment_node. An argument left empty is not passed on: the node's configuration holds its default.

ros2 launch hybridgl_ros segment.launch.py --show-args

What is given wrongly is refused before anything starts. Fast DDS gets the profile that ships with the package, with
room for whole images in its shared memory, unless the user has one.
"""

from __future__ import annotations

from pathlib import Path

import launch.logging
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from hybridgl_ros.ros.common import launching
from hybridgl_ros.settings import Description
from launch import LaunchContext, LaunchDescription

FILE = Path(__file__)


def check_arguments(context: LaunchContext) -> None:
    """Refuse what is misspelt or no value of its argument; within another launch file misspellings are only likely."""
    declared = [*launching.OTHERS, *launching.PARAMETERS]
    if launching.is_launched(FILE):
        launching.check_names(context.argv, declared)
    else:
        for warning in launching.lookalikes(context.launch_configurations, declared):
            launch.logging.get_logger("segment.launch.py").warning(warning)
    given = {name: LaunchConfiguration(name).perform(context) for name in declared}
    launching.check_log_level(given["log_level"])
    if given["params_file"]:
        launching.check_params_file(given["params_file"])
    for argument in ("use_sim_time", "required"):
        if given[argument]:
            launching.truth_of(argument, given[argument])


def typed(description: Description, text: str) -> ParameterValue:
    """A parameter in its type, so that "1" stays a text where one is wanted and becomes 1.0 where a float is."""
    return ParameterValue(launching.value_of(description, text), value_type=description.type)


def segment_node(context: LaunchContext) -> list[Node]:
    """The node with what was given on the command line, and nothing else."""

    def given(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    check_arguments(context)
    parameters = [given("params_file")] if given("params_file") else []
    parameters += [
        {launching.PARAMETERS[argument]: typed(description, given(argument))}
        for argument, description in launching.parameter_descriptions().items()
        if given(argument)
    ]
    if given("use_sim_time"):
        parameters.append({"use_sim_time": launching.truth_of("use_sim_time", given("use_sim_time"))})
    required = launching.is_launched(FILE)
    if given("required"):
        required = launching.truth_of("required", given("required"))
    return [
        Node(
            package="hybridgl_ros",
            executable="segment_node",
            name="segment_node",
            namespace=given("namespace"),
            output="screen",
            emulate_tty=True,
            parameters=parameters,
            remappings=[(topic, given(topic)) for topic in launching.TOPICS if given(topic) not in ("", topic)],
            ros_arguments=["--log-level", given("log_level")],
            on_exit=end_with_it if required else None,
        )
    ]


def end_with_it(event: ProcessExited, context: LaunchContext) -> list[Shutdown] | None:
    """What launch does when the node has ended."""
    if context.is_shutdown:
        return None
    if event.returncode:
        raise RuntimeError(f"{event.process_name} died with exit code {event.returncode}")
    return [Shutdown(reason=f"{event.process_name} has ended")]


def generate_launch_description() -> LaunchDescription:
    """Every argument with its description."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in launching.OTHERS.items()
    ]
    arguments += [
        DeclareLaunchArgument(argument, default_value="", description=launching.described(description))
        for argument, description in launching.parameter_descriptions().items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=segment_node)])
