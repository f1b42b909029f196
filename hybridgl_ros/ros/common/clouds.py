"""Point clouds as messages: through sensor_msgs_py where ROS has it, else through its twin on PyPI."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

try:
    from sensor_msgs_py.point_cloud2 import create_cloud
except ImportError:
    from pointcloud2 import create_cloud


def cloud_message(points: np.ndarray, header: Header) -> PointCloud2:
    """A PointCloud2 of N structured points whose fields are all float32."""
    places: Any = points.dtype.fields
    fields = [
        PointField(name=name, offset=places[name][1], datatype=PointField.FLOAT32, count=1)
        for name in points.dtype.names or ()
    ]
    cloud = create_cloud(header, fields, points)
    if isinstance(cloud, PointCloud2):
        return cloud
    return PointCloud2(
        header=header,
        height=cloud.height,
        width=cloud.width,
        fields=fields,
        is_bigendian=cloud.is_bigendian,
        point_step=cloud.point_step,
        row_step=cloud.row_step,
        data=array("B", bytes(cloud.data)),
        is_dense=cloud.is_dense,
    )
