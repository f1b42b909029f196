"""An RGB-D camera with a clock of its own, as a process: 30 pictures a second, and /clock.

Arguments: WORLD NAMESPACE RATE FIRST, the number of its first picture. It reads lines: `jump SECONDS` sets its clock,
`lag SECONDS` sends depth with stamps that are so much older.
"""

from __future__ import annotations

import sys
import threading
import time

from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.ros.common.executable import run
from soak.world import stamped
from soak.worlds import world_of

FRAME = "soak_optical_frame"


class Camera(Node):
    def __init__(self, world: str, namespace: str, rate: str, first: str) -> None:
        super().__init__("camera", namespace=namespace)
        self.world = world_of(world)
        self.number = int(first)
        self.offset = self.lag = 0
        self.images = self.create_publisher(Image, "image", qos_profile_sensor_data)
        self.depths = self.create_publisher(Image, "depth", qos_profile_sensor_data)
        self.infos = self.create_publisher(CameraInfo, "camera_info", qos_profile_sensor_data)
        self.clock = self.create_publisher(Clock, "/clock", 10)
        self.create_timer(1 / float(rate), self.show)
        threading.Thread(target=self.obey, daemon=True).start()

    def obey(self) -> None:
        for line in sys.stdin:
            word, seconds = line.split()
            value = int(float(seconds) * 1e9)
            if word == "jump":
                self.offset += value
            else:
                self.lag = value

    def header(self, clock: int) -> Header:
        header = Header(frame_id=FRAME)
        header.stamp.sec, header.stamp.nanosec = stamped(clock, self.number)
        return header

    def show(self) -> None:
        self.number += 1
        now = time.time_ns() + self.offset
        tick = Clock()
        tick.clock.sec, tick.clock.nanosec = divmod(now, 1_000_000_000)
        self.clock.publish(tick)
        header, late = self.header(now), self.header(now - self.lag)
        matrix = self.world.intrinsics
        height, width = self.world.size
        self.infos.publish(
            CameraInfo(
                header=header,
                height=height,
                width=width,
                distortion_model="plumb_bob",
                d=[0.0] * 5,
                k=matrix.ravel().tolist(),
                r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
                p=[*matrix[0], 0.0, *matrix[1], 0.0, *matrix[2], 0.0],
            )
        )
        depth = self.world.depth(self.number)
        self.depths.publish(image_message(depth, "32FC1" if depth.dtype.kind == "f" else "16UC1", late))
        self.images.publish(image_message(self.world.picture(self.number), "rgb8", header))


if __name__ == "__main__":
    sys.exit(run(lambda: Camera(*sys.argv[1:5]), [sys.argv[0]]))
