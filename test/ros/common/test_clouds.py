"""Point clouds as messages."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import PointField
from std_msgs.msg import Header

from hybridgl_ros.metric.cloud import Cloud, coloured
from hybridgl_ros.ros.common.clouds import cloud_message


def test_points_and_colours_arrive_as_pcl_reads_them() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    image[1, 2] = 1, 2, 3
    clouds = [Cloud(np.array([[0.5, -1.0, 2.0]]), np.array([[1, 2]])), Cloud(np.ones((2, 3)), np.zeros((2, 2), int))]
    message = cloud_message(coloured(clouds, image), Header(frame_id="optical"))
    assert (message.header.frame_id, message.height, message.width) == ("optical", 1, 3)
    assert (message.point_step, message.row_step, len(message.data)) == (16, 48, 48)
    assert [(field.name, field.offset, field.datatype) for field in message.fields] == [
        (name, 4 * place, PointField.FLOAT32) for place, name in enumerate(("x", "y", "z", "rgb"))
    ]
    rows = np.frombuffer(message.data, np.float32).reshape(3, 4)
    assert rows[0, :3].tolist() == [0.5, -1, 2]
    assert rows[:, 3].view(np.uint32).tolist() == [0x010203, 0, 0]


def test_no_points_are_a_cloud_too() -> None:
    message = cloud_message(coloured([], np.zeros((2, 3, 3), np.uint8)), Header())
    assert message.width == 0 and len(message.data) == 0 and len(message.fields) == 4
