"""What segment_node publishes of places: a pose, points, and shapes for RViz."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from geometry_msgs.msg import PoseStamped, Vector3
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from hybridgl_ros.errors import PlaceError
from hybridgl_ros.metric.cloud import coloured
from hybridgl_ros.metric.placement import Placement
from hybridgl_ros.msg import ReferredObject
from hybridgl_ros.ros.common.clouds import cloud_message
from hybridgl_ros.ros.common.frames import TargetFrame
from hybridgl_ros.ros.common.publishers import heard, publisher_of
from hybridgl_ros.ros.common.qos import results_of
from hybridgl_ros.ros.common.settings import SegmentSettings
from hybridgl_ros.ros.segment.job import Outcome

BOX_COLOUR = ColorRGBA(r=1.0, g=0.6, b=0.0, a=0.35)
TEXT_COLOUR = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
TEXT_HEIGHT = 0.03


class PlaceOutputs:
    """Publishers of `~/pose` (of the first referent), `~/cloud` (points of all) and `~/markers` (a box around each).

    A list of expressions makes one cloud and one set of markers. Nothing comes on `~/pose` without a place; an empty
    cloud and no markers take away what was shown before. Cloud and markers are made while somebody listens. warn: is
    told why there is no pose in the target frame. Raises ConfigError for a target frame without tf2.
    """

    def __init__(self, node: Node, settings: SegmentSettings, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._frame = TargetFrame(node, settings.target_frame)
        room = results_of(settings.list_limit)
        self._pose = publisher_of(node, PoseStamped, "~/pose", room)
        self._cloud = publisher_of(node, PointCloud2, "~/cloud", room)
        self._markers = publisher_of(node, MarkerArray, "~/markers", room)

    def publish(self, outcomes: Sequence[Outcome], objects: Sequence[ReferredObject], image: np.ndarray) -> None:
        """Publish the points and shapes of expressions that were answered together on a picture.

        objects: their messages, at least one. image: H×W×3 uint8 RGB.
        """
        header = objects[0].header
        if heard(self._cloud):
            places = [place for outcome in outcomes for place in outcome.places if isinstance(place, Placement)]
            self._cloud.publish(cloud_message(coloured([place.cloud for place in places], image), header))
        if heard(self._markers):
            self._markers.publish(markers(objects, header))

    def publish_pose(self, first: ReferredObject) -> None:
        """Publish where the first referent of an answer is, if that is known."""
        if not first.has_position:
            return
        try:
            self._pose.publish(self._frame.turned(PoseStamped(header=first.header, pose=first.pose)))
        except PlaceError as error:
            self._warn(str(error))


def markers(objects: Sequence[ReferredObject], header: Header) -> MarkerArray:
    """A box and the expression for each object with a place; whatever was shown before goes."""
    shapes = [Marker(header=header, action=Marker.DELETEALL)]
    for number, entry in enumerate(entry for entry in objects if entry.has_position):
        common = {"header": header, "id": number, "pose": entry.pose, "action": Marker.ADD}
        shapes.append(Marker(ns="box", type=Marker.CUBE, scale=entry.extent, color=BOX_COLOUR, **common))
        shapes.append(
            Marker(
                ns="text",
                type=Marker.TEXT_VIEW_FACING,
                text=f"{entry.expression} ({entry.distance:.2f} m)",
                scale=Vector3(z=TEXT_HEIGHT),
                color=TEXT_COLOUR,
                **common,
            )
        )
    return MarkerArray(markers=shapes)
