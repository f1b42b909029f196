"""Answers as messages of vision_msgs, where that is installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from geometry_msgs.msg import PoseWithCovariance
from std_msgs.msg import Header

from hybridgl_ros.msg import ReferredObject

PACKAGE = "vision_msgs"


def vision_messages() -> Any | None:
    """The module of its messages; None where it is not installed."""
    try:
        from vision_msgs import msg
    except ImportError:  # not among the ROS wheels
        return None
    return msg


def label_info(messages: Any, names: Mapping[int, str], threshold: float, header: Header) -> Any:
    """A LabelInfo. names: of each number, UNLABELED included."""
    classes = [messages.VisionClass(class_id=number, class_name=name) for number, name in names.items()]
    return messages.LabelInfo(header=header, class_map=classes, threshold=threshold)


def detections(messages: Any, objects: Sequence[ReferredObject], header: Header) -> Any:
    """A Detection2DArray of the referents among the objects; the class is the expression, the id the track's."""
    array = messages.Detection2DArray(header=header)
    array.detections = [
        messages.Detection2D(
            header=header, bbox=box(messages, entry), results=[hypothesis(messages, entry)], id=name_of(entry)
        )
        for entry in referents(objects)
    ]
    return array


def detections_3d(messages: Any, objects: Sequence[ReferredObject], header: Header) -> Any:
    """A Detection3DArray, in the optical frame, of the referents whose place is known."""
    array = messages.Detection3DArray(header=header)
    for entry in referents(objects):
        if entry.has_position:
            guess = hypothesis(messages, entry)
            guess.pose = PoseWithCovariance(pose=entry.pose)
            volume = messages.BoundingBox3D(center=entry.pose, size=entry.extent)
            array.detections.append(
                messages.Detection3D(header=header, bbox=volume, results=[guess], id=name_of(entry))
            )
    return array


def referents(objects: Iterable[ReferredObject]) -> list[ReferredObject]:
    return [entry for entry in objects if entry.found]


def name_of(entry: ReferredObject) -> str:
    """The same for the same object from message to message; empty where nothing is followed."""
    return str(entry.track_id) if entry.track_id else ""


def hypothesis(messages: Any, entry: ReferredObject) -> Any:
    """An ObjectHypothesisWithPose, still without a pose."""
    guess = messages.ObjectHypothesisWithPose()
    guess.hypothesis.class_id = entry.expression
    guess.hypothesis.score = float(entry.score)
    return guess


def box(messages: Any, entry: ReferredObject) -> Any:
    """A BoundingBox2D from edge to edge of the pixels: centre minus half the size is the region's offset."""
    region = entry.roi
    bounds = messages.BoundingBox2D(size_x=float(region.width), size_y=float(region.height))
    bounds.center.position.x = region.x_offset + region.width / 2
    bounds.center.position.y = region.y_offset + region.height / 2
    return bounds
