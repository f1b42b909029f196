"""Starts segment_node. An argument left empty is not passed on: the node's configuration holds its default.

ros2 launch hybridgl_ros segment.launch.py --show-args

What is given wrongly is refused before anything starts. Fast DDS gets the profile that ships with the package, with
room for whole images in its shared memory, unless the user has one.
"""

from __future__ import annotations

import posixpath
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
    for argument in ("use_sim_time", "required", "respawn", "rviz"):
        if given[argument]:
            launching.truth_of(argument, given[argument])
    launching.check_end(wanted(context, "required"), wanted(context, "respawn"))
    if wanted(context, "rviz"):
        launching.check_rviz()


def typed(description: Description, text: str) -> ParameterValue:
    """A parameter in its type, so that "1" stays a text where one is wanted and becomes 1.0 where a float is."""
    return ParameterValue(launching.value_of(description, text), value_type=description.type)


def segment(context: LaunchContext) -> list[Node]:
    """The node, or the process of several, and RViz if it is wanted."""
    check_arguments(context)
    cameras = launching.cameras_of(LaunchConfiguration("cameras").perform(context))
    topics = {topic: LaunchConfiguration(topic).perform(context) for topic in launching.TOPICS}
    rules = launching.remappings(topics, cameras or [""])
    windows = list(zip(cameras or [""], rules, strict=True)) if wanted(context, "rviz") else []
    return [segment_node(context, cameras, rules), *(rviz(context, camera, own) for camera, own in windows)]


def wanted(context: LaunchContext, argument: str) -> bool:
    """Whether true was given."""
    text = LaunchConfiguration(argument).perform(context)
    return bool(text) and launching.truth_of(argument, text)


def segment_node(context: LaunchContext, cameras: list[str], rules: list[list[tuple[str, str]]]) -> Node:
    """The node, or one for each camera, with what was given on the command line, and nothing else."""

    def given(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    parameters = [given("params_file")] if given("params_file") else []
    parameters += [
        {launching.PARAMETERS[argument]: typed(description, given(argument))}
        for argument, description in launching.parameter_descriptions().items()
        if given(argument)
    ]
    if given("use_sim_time"):
        parameters.append({"use_sim_time": launching.truth_of("use_sim_time", given("use_sim_time"))})
    respawn = wanted(context, "respawn")
    required = wanted(context, "required") if given("required") else launching.is_launched(FILE) and not respawn
    return Node(
        package="hybridgl_ros",
        executable="segment_node",
        # launch_ros writes parameters for the node of this name in this namespace, and for all where it has no name.
        name=None if cameras else "segment_node",
        namespace=given("namespace"),
        output="screen",
        emulate_tty=True,
        arguments=[word for camera, own in zip(cameras, rules, strict=False) for word in words_of(camera, own)],
        parameters=parameters,
        remappings=[] if cameras else rules[0],
        ros_arguments=["--log-level", given("log_level")],
        on_exit=end_with_it if required else None,
        respawn=respawn,
        respawn_delay=launching.RESPAWN_DELAY,
    )


def words_of(camera: str, rules: list[tuple[str, str]]) -> list[str]:
    """What segment_node is told of one of several cameras."""
    return ["--camera", camera, *(f"{name}:={topic}" for name, topic in rules)]


def rviz(context: LaunchContext, camera: str, rules: list[tuple[str, str]]) -> Node:
    """RViz in the node's namespace, where the names in its configuration are those of the node's topics."""
    namespace, frame = (LaunchConfiguration(name).perform(context) for name in ("namespace", "rviz_frame"))
    return Node(
        package="rviz2",
        executable="rviz2",
        name="rviz",
        namespace=posixpath.join(namespace, camera) if camera else namespace,
        arguments=["-d", str(FILE.parents[1] / "rviz" / "hybridgl.rviz"), *(["-f", frame] if frame else [])],
        remappings=rules,
    )


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
    return LaunchDescription([*arguments, OpaqueFunction(function=segment)])
