"""Pictures out of serialized messages.

rclpy copies a picture four times on its way into a message object. Subscriptions with `raw=True` hand over the bytes as
they came, and a view of them is all that a picture needs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore
from std_msgs.msg import Header

from hybridgl_ros.errors import ImageError


def picture_of(data: bytes, kind: type) -> tuple[Header, Any]:
    """The header and the message of a serialized Image or CompressedImage, whose `data` is a view of the bytes.

    Raises ImageError for bytes that are no such message.
    """
    try:
        message: Any = known_types().deserialize_cdr(memoryview(data), type_name(kind))
    except Exception:  # another encoding than DDS's usual one, or bytes over which the reader stumbles in its own way
        return picture_by_rclpy(data, kind)
    stamp = message.header.stamp
    return Header(stamp=Time(sec=stamp.sec, nanosec=stamp.nanosec), frame_id=message.header.frame_id), message


def picture_by_rclpy(data: bytes, kind: type) -> tuple[Header, Any]:
    try:
        message = deserialize_message(data, kind)
    except Exception as error:  # rclpy's readers have no type of error of their own
        raise ImageError(f"{len(data)} bytes that are no {type_name(kind)}: {error}") from None
    return message.header, message


def type_name(kind: type) -> str:
    """As ROS writes it, e.g. `sensor_msgs/msg/Image`."""
    return f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"


@lru_cache(maxsize=1)
def known_types() -> Typestore:
    return get_typestore(Stores.ROS2_JAZZY)
