"""Starts segment_node. An argument left empty is not passed on: the node's configuration holds its default.

ros2 launch hybridgl_ros segment.launch.py --show-args
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from hybridgl_ros.ros.settings import SegmentSettings
from hybridgl_ros.settings import Description, describe, descriptions
from launch import LaunchContext, LaunchDescription

# Launch argument: the node's parameter.
PARAMETERS = {
    "config": "config",
    "preset": "preset",
    "mode": "mode",
    "image_transport": "image_transport",
    "sam": "models.sam",
    "clip": "models.clip",
    "device": "models.device",
    "predicted_iou_threshold": "proposals.predicted_iou_threshold",
    "stability_threshold": "proposals.stability_threshold",
    "nms_threshold": "proposals.nms_threshold",
    "score_threshold": "fusion.score_threshold",
    "similarity_threshold": "fusion.similarity_threshold",
    "alpha": "fusion.alpha",
    "beta": "features.beta",
    "lambda": "guidance.outside_weight",
    "lambda_big": "guidance.outside_weight_big",
    "lambda_small": "guidance.outside_weight_small",
}
OTHERS = {
    "image": ("image", "Topic of the camera images; compressed ones are looked for at <image>/compressed."),
    "expression": ("expression", "Topic of the expressions (std_msgs/String)."),
    "params_file": ("", "YAML file of ROS parameters; arguments given here win over it."),
    "namespace": ("", "Namespace of the node, its topics and its service."),
    "log_level": ("info", "debug, info, warn, error or fatal."),
    "use_sim_time": ("false", "Take the time from /clock: true or false."),
}


def described(description: Description) -> str:
    """Text, range and choices of a setting; its default is the configuration's."""
    parts = [description.text]
    if description.choices:
        parts.append(f"One of {', '.join(description.choices)}.")
    if description.low is not None:
        parts.append(f"From {description.low:g} to {description.high:g}.")
    return " ".join([*parts, "Empty: as the configuration says."])


def segment_node(context: LaunchContext) -> list[Node]:
    """The node with what was given on the command line, and nothing else."""

    def given(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    known = {**describe(SegmentSettings), **descriptions()}
    parameters = [given("params_file")] if given("params_file") else []
    parameters += [
        {parameter: ParameterValue(LaunchConfiguration(argument), value_type=known[parameter].type)}
        for argument, parameter in PARAMETERS.items()
        if given(argument)
    ]
    parameters.append({"use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)})
    return [
        Node(
            package="hybridgl_ros",
            executable="segment_node",
            name="segment_node",
            namespace=given("namespace"),
            output="screen",
            emulate_tty=True,
            parameters=parameters,
            remappings=[(topic, given(topic)) for topic in ("image", "expression") if given(topic) != topic],
            ros_arguments=["--log-level", given("log_level")],
        )
    ]


def generate_launch_description() -> LaunchDescription:
    """Every argument with its description."""
    known = {**describe(SegmentSettings), **descriptions()}
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text) for name, (default, text) in OTHERS.items()
    ]
    arguments += [
        DeclareLaunchArgument(argument, default_value="", description=described(known[parameter]))
        for argument, parameter in PARAMETERS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=segment_node)])
