"""Poses in another frame, through tf2 where it is installed."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

from hybridgl_ros.errors import ConfigError, PlaceError


class TargetFrame:
    """Turns poses into one frame. Raises ConfigError when tf2 is not installed.

    frame: empty for the frame that a pose has.
    """

    def __init__(self, node: Node, frame: str) -> None:
        self._frame = frame
        self._buffer: Any = None
        if not frame:
            return
        try:
            import tf2_geometry_msgs  # noqa: F401, tells the buffer how to turn poses
            import tf2_ros
        except ImportError as error:
            raise ConfigError(
                f"target_frame: {frame!r} needs tf2_ros and tf2_geometry_msgs, which are not installed ({error}); "
                "leave it empty for poses in the camera's frame"
            ) from None
        self._error: type[Exception] = tf2_ros.TransformException
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node)

    def turned(self, pose: PoseStamped) -> PoseStamped:
        """The pose in the frame. Raises PlaceError when tf2 does not know how at the pose's time."""
        if self._buffer is None:
            return pose
        try:
            return self._buffer.transform(pose, self._frame)
        except self._error as error:
            raise PlaceError(f"no pose in {self._frame!r}: {error}") from None
