"""The node's state in words and numbers, for /diagnostics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.memory import gpu_memory, resident_memory
from hybridgl_ros.models.registry import find_checkpoint
from hybridgl_ros.ros.common.qos import RESULTS
from hybridgl_ros.ros.segment.depth_input import DepthInput
from hybridgl_ros.ros.segment.engine import ModelState
from hybridgl_ros.ros.segment.image_input import ImageInput
from hybridgl_ros.settings import Config

try:
    from diagnostic_updater import Updater
except ImportError:  # not among the ROS wheels
    Updater = None

MEGABYTE = 1e6
# What diagnostic_updater wants of what is no device.
HARDWARE = "none"


@dataclass(frozen=True)
class Report:
    """What one status says."""

    level: bytes
    message: str
    values: dict[str, object]

    def fill(self, status: DiagnosticStatus) -> DiagnosticStatus:
        """Write it into a status."""
        status.level, status.message = self.level, self.message
        status.values = [KeyValue(key=key, value=str(value)) for key, value in self.values.items()]
        return status


class Diagnostics:
    """Publishes a report, named as diagnostic_updater does, and through it where it is installed."""

    def __init__(self, node: Node, report: Callable[[], Report]) -> None:
        self._node = node
        self._report = report
        self._updater: Any = None
        if Updater is not None:
            self._updater = Updater(node)
            self._updater.setHardwareID(HARDWARE)
            # It would say at once that all is well, before anything is.
            self._updater.addedTaskCallback = lambda task: None
            self._updater.add(node.get_fully_qualified_name(), lambda status: self._report().fill(status))
            # Its timer runs with the node's clock, which stands still when use_sim_time is set and nobody sends it.
            timer = getattr(self._updater, "timer", None)
            if timer is not None:
                timer.cancel()
        else:
            self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", RESULTS)

    def publish(self) -> None:
        """Tell how things are now."""
        if self._updater is not None:
            self._updater.force_update()
            return
        name = f"{self._node.get_name()}: {self._node.get_fully_qualified_name()}"
        status = self._report().fill(DiagnosticStatus(name=name, hardware_id=HARDWARE))
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


def summary_of(
    lifecycle: str, models: ModelState, problem: str, camera: ImageInput, depth: DepthInput, timeout: float
) -> tuple[bytes, str]:
    """Level and message: an error without models, a warning while there is nothing to be seen yet, stale without news.

    camera: its silence, in words, is the message. depth: what is wrong with it is told while all else is well.
    timeout: seconds after which the newest frame is an old one.
    """
    silence = camera.silence(timeout)
    if models is ModelState.FAILED:
        return DiagnosticStatus.ERROR, problem
    if models is ModelState.LOADING:
        return DiagnosticStatus.WARN, "the models are loading"
    if lifecycle != "active":
        return DiagnosticStatus.WARN, f"the node is {lifecycle}"
    if silence:
        return DiagnosticStatus.WARN if camera.age is None else DiagnosticStatus.STALE, silence
    lost = f"; {camera.lost} images were lost on their way" if camera.lost else ""
    flat = f"; answers are in 2D: {unused}" if (unused := depth.problem()) else ""
    return DiagnosticStatus.OK, f"running{lost}{flat}"


def model_values(config: Config) -> dict[str, object]:
    """Names and SHA-256 checksums of the models of a configuration."""
    values: dict[str, object] = {}
    for kind, name in (("sam", config.models.sam), ("clip", config.models.clip)):
        values[f"model {kind}"] = name
        try:
            values[f"checksum {kind}"] = find_checkpoint(name, kind).sha256
        except ConfigError as error:
            values[f"checksum {kind}"] = str(error)
    return values


def memory_values() -> dict[str, object]:
    """Memory of the process and, when it uses one, of the GPU."""
    resident, gpu = resident_memory(), gpu_memory()
    values: dict[str, object] = {"memory (MB)": "" if resident is None else f"{resident / MEGABYTE:.0f}"}
    if gpu is not None:
        values["GPU memory (MB)"] = f"{gpu / MEGABYTE:.0f}"
    return values
