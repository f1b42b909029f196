"""sim_camera: the simulated tabletop as a camera with depth, and the truth beside it.

All messages of a frame have one stamp. `ground_truth/instances` labels each pixel with its object (0: none);
`ground_truth/expressions` is JSON: the stamp, the scene, and its expressions with the object each refers to. The camera
can turn and zoom, and something can pass before it; the expressions are those of the scene at rest, and their objects
stay the same ones.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import numpy as np
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, String

from hybridgl_ros.config import check
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.datasets.bag import frames_of
from hybridgl_ros.evaluation.datasets.bag_file import write_bag
from hybridgl_ros.evaluation.datasets.tabletop import TabletopDataset
from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.ros.common.executable import run
from hybridgl_ros.ros.common.parameters import declare_settings, plain
from hybridgl_ros.ros.common.publishers import publisher_of
from hybridgl_ros.ros.common.settings import CameraSettings, default_settings
from hybridgl_ros.settings import describe
from hybridgl_ros.tabletop.dataset import TabletopScene, TabletopSet, TabletopSetError, heldout_path
from hybridgl_ros.tabletop.motion import Motion, seen


class SimCamera(Node):
    """Publishes the scenes of a tabletop set, one after another or one for good."""

    def __init__(self) -> None:
        super().__init__("sim_camera")
        self.settings = declare_settings(self, default_settings(CameraSettings, "sim_camera"))
        path = Path(self.settings.scenes or heldout_path())
        try:
            self._scenes = TabletopSet(path)
        except TabletopSetError as error:
            raise ConfigError(f"scenes: {error}") from error
        self._check_scene(self.settings.scene)
        if self.settings.bag:
            self._write_bag(path)
        self._shown = 0
        self._scene: TabletopScene | None = None

        self._image = publisher_of(self, Image, "image")
        self._camera_info = publisher_of(self, CameraInfo, "camera_info")
        self._depth = publisher_of(self, Image, "depth")
        self._instances = publisher_of(self, Image, "ground_truth/instances")
        self._expressions = publisher_of(self, String, "ground_truth/expressions")
        self.create_timer(1.0 / self.settings.rate, self._show)
        self.add_on_set_parameters_callback(self._on_parameters)
        self.get_logger().info(f"{len(self._scenes)} scenes of {path}")

    def _write_bag(self, scenes: Path) -> None:
        target = Path(self.settings.bag)
        frames = islice(frames_of(TabletopDataset(scenes)), self.settings.bag_frames)
        count = write_bag(frames, target, storage=self.settings.bag_storage, frame_id=self.settings.frame_id)
        self.get_logger().info(f"{count} frames written to {target}")

    def _check_scene(self, index: int) -> None:
        if index >= len(self._scenes):
            raise ConfigError(f"scene: {index} is not among the set's {len(self._scenes)} scenes")

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        known = describe(CameraSettings)
        try:
            own = [entry for entry in parameters if entry.name in known]
            changes = {entry.name: check(known[entry.name], plain(entry)) for entry in own}
            settings = replace(self.settings, **changes)
            self._check_scene(settings.scene)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if "scene" in changes:
            self._scene = None
        self.settings = settings
        return SetParametersResult(successful=True)

    def _show(self) -> None:
        """Publish a frame."""
        hold = self.settings.frames_per_scene
        if self._scene is None:
            self._scene, self._shown = self._scenes[self.settings.scene], 0
        elif hold and self._shown >= hold:
            following = (self.settings.scene + 1) % len(self._scenes)
            self.set_parameters([Parameter("scene", Parameter.Type.INTEGER, following)])
            self._scene, self._shown = self._scenes[following], 0
        scene = seen(self._scene, motion_of(self.settings), self._shown)
        self._shown += 1
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self.settings.frame_id)
        self._instances.publish(image_message(scene.instances, "mono8", header))
        self._expressions.publish(String(data=truth_text(scene, header)))
        self._camera_info.publish(camera_info(scene, header))
        self._depth.publish(image_message(scene.depth.astype(np.float32), "32FC1", header))
        self._image.publish(image_message(scene.image, "rgb8", header))


def motion_of(settings: CameraSettings) -> Motion:
    """The motion that the parameters describe."""
    return Motion(
        pan=settings.pan,
        tilt=settings.tilt,
        roll=settings.roll,
        zoom=settings.zoom,
        period=settings.motion_period,
        occluder_every=settings.occluder_every,
        occluder_frames=settings.occluder_frames,
        occluder_width=settings.occluder_width,
    )


def truth_text(scene: TabletopScene, header: Header) -> str:
    """The JSON of `ground_truth/expressions`."""
    return json.dumps(
        {
            "stamp": [header.stamp.sec, header.stamp.nanosec],
            "scene": scene.id,
            "expressions": [asdict(expression) for expression in scene.expressions],
        }
    )


def camera_info(scene: TabletopScene, header: Header) -> CameraInfo:
    """An ideal pinhole camera."""
    matrix = scene.intrinsics
    height, width = scene.instances.shape
    return CameraInfo(
        header=header,
        height=height,
        width=width,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=matrix.ravel().tolist(),
        r=np.eye(3).ravel().tolist(),
        p=np.column_stack([matrix, np.zeros(3)]).ravel().tolist(),
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the node until it is interrupted; returns the exit code."""
    return run(SimCamera, arguments)


if __name__ == "__main__":
    sys.exit(main())
