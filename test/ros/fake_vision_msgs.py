"""Messages of vision_msgs that take the fields of the real ones and no others; nothing can be sent with them."""

from __future__ import annotations

from typing import ClassVar

from geometry_msgs.msg import Pose, PoseWithCovariance, Vector3
from std_msgs.msg import Header


class Message:
    """A message with the default values of FIELDS, which may be given by name."""

    FIELDS: ClassVar[dict[str, type]] = {}

    def __init__(self, **values: object) -> None:
        assert values.keys() <= self.FIELDS.keys(), values
        for name, kind in self.FIELDS.items():
            setattr(self, name, values.get(name, kind()))

    def __setattr__(self, name: str, value: object) -> None:
        assert isinstance(value, self.FIELDS[name]), (name, value)
        super().__setattr__(name, value)


def message(name: str, **fields: type) -> type:
    return type(name, (Message,), {"FIELDS": fields})


VisionClass = message("VisionClass", class_id=int, class_name=str)
LabelInfo = message("LabelInfo", header=Header, class_map=list, threshold=float)
Point2D = message("Point2D", x=float, y=float)
Pose2D = message("Pose2D", position=Point2D, theta=float)
BoundingBox2D = message("BoundingBox2D", center=Pose2D, size_x=float, size_y=float)
BoundingBox3D = message("BoundingBox3D", center=Pose, size=Vector3)
ObjectHypothesis = message("ObjectHypothesis", class_id=str, score=float)
ObjectHypothesisWithPose = message("ObjectHypothesisWithPose", hypothesis=ObjectHypothesis, pose=PoseWithCovariance)
Detection2D = message("Detection2D", header=Header, results=list, bbox=BoundingBox2D, id=str)
Detection3D = message("Detection3D", header=Header, results=list, bbox=BoundingBox3D, id=str)
Detection2DArray = message("Detection2DArray", header=Header, detections=list)
Detection3DArray = message("Detection3DArray", header=Header, detections=list)
