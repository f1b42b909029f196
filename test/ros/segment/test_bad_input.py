"""Whatever is wrong with a message or a machine: an answer that says so, and the next good request is served."""

from __future__ import annotations

import array
import signal

import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header, String

from hybridgl_ros.ros.common.conversion import image_message


def grey(dtype: type = np.uint8, channels: int = 3) -> np.ndarray:
    shape = (6, 8) if channels == 1 else (6, 8, channels)
    return np.full(shape, 100, dtype)


def raw(pixels: np.ndarray, encoding: str) -> Image:
    return image_message(pixels, encoding, Header(frame_id="optical"))


def damaged(**changes) -> Image:
    message = raw(grey(), "rgb8")
    for name, value in changes.items():
        setattr(message, name, value)
    return message


BAD_IMAGES = {
    "unknown encoding": (damaged(encoding="rgb9"), "rgb9"),
    "short data": (damaged(data=array.array("B", bytes(10))), "10 bytes"),
    "no data": (damaged(data=array.array("B")), "0 bytes"),
    "short step": (damaged(step=1), "step 1"),
    "zero width": (damaged(width=0), "size 0×6"),
    "zero height": (damaged(height=0), "size 8×0"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_bad_image_in_a_request(shared_node, case: str) -> None:
    image, reason = BAD_IMAGES[case]
    response = shared_node.client.refer("the red block", image)
    assert not response.success
    assert reason in response.message
    assert len(response.objects) == 0
    shared_node.assert_still_good()


@pytest.mark.parametrize("case", ["unknown encoding", "short data"])
def test_bad_camera_frame_is_counted_and_left_out(shared_node, case: str) -> None:
    image, reason = BAD_IMAGES[case]
    shared_node.publish(raw(grey(), "rgb8"))
    shared_node.publish(image, counted="frames bad")
    assert reason in shared_node.client.diagnostics()["last error"]
    assert shared_node.client.refer("the red block").success
    shared_node.assert_still_good()


@pytest.mark.parametrize(
    ("dtype", "channels", "encoding"),
    [
        (np.uint8, 1, "mono8"),
        (np.uint16, 1, "mono16"),
        (np.uint16, 1, "16UC1"),
        (np.float32, 1, "32FC1"),
        (np.uint8, 4, "bgra8"),
        (np.uint16, 3, "rgb16"),
        (np.uint8, 1, "bayer_rggb8"),
        (np.uint16, 1, "bayer_grbg16"),
    ],
)
def test_unusual_but_good_encodings_are_answered(shared_node, dtype: type, channels: int, encoding: str) -> None:
    response = shared_node.client.refer("the red block", raw(grey(dtype, channels), encoding))
    assert response.success, response.message
    assert (response.objects[0].mask.width, response.objects[0].mask.height) == (8, 6)


def test_padded_rows_are_answered(shared_node) -> None:
    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[2:4, 3:5] = (255, 0, 0)
    message = raw(pixels, "rgb8")
    message.step = 32
    padded = np.full((6, 32), 255, np.uint8)
    padded[:, :24] = pixels.reshape(6, 24)
    message.data = array.array("B", padded.tobytes())
    (found,) = shared_node.client.refer("the red block", message).objects
    assert (found.roi.x_offset, found.roi.y_offset, found.roi.width, found.roi.height) == (3, 2, 2, 2)


@pytest.mark.parametrize(
    ("expression", "reason"), [("", "empty"), (" \t\n ", "empty"), ("red " * 2500, "10000 characters")]
)
def test_expressions_that_are_refused(shared_node, expression: str, reason: str) -> None:
    response = shared_node.client.refer(expression, raw(grey(), "rgb8"))
    assert not response.success
    assert reason in response.message
    failed = int(shared_node.client.diagnostics()["expressions failed"])
    shared_node.publish(String(data=expression), "expression", counted="expressions failed")
    assert int(shared_node.client.diagnostics()["expressions failed"]) == failed + 1
    shared_node.assert_still_good()


@pytest.mark.parametrize("expression", ["красный куб", "左边的红色杯子", "🟥 \u202e"])
def test_expressions_in_other_scripts_are_tried(shared_node, expression: str) -> None:
    response = shared_node.client.refer(expression, raw(grey(), "rgb8"))
    assert response.success
    assert response.objects[0].expression == expression
    shared_node.assert_still_good()


def test_a_defect_is_answered_logged_once_and_survived(shared_node) -> None:
    for _ in range(2):
        response = shared_node.client.refer("explode", raw(grey(), "rgb8"))
        assert not response.success
        assert "ZeroDivisionError: exploded on purpose" in response.message
    shared_node.assert_still_good()
    assert shared_node.log.count("Traceback") == 1, shared_node.log


def test_damaged_compressed_frame(start) -> None:
    node = start("-p", "image_transport:=compressed")
    node.wait_for_models()
    node.publish(CompressedImage(format="jpeg", data=b"\xff\xd8 no picture"), "image/compressed")
    response = node.client.refer("the red block")
    assert not response.success
    assert "damaged" in response.message
    node.assert_still_good()


def test_a_call_before_the_first_image(start) -> None:
    node = start("-p", "image_timeout:=1.0")
    node.wait_for_models()
    response = node.client.refer("the red block")
    assert not response.success
    assert f"no image has arrived on {node.topic('image')}" in response.message
    node.wait_for_log("nobody publishes it")
    node.assert_still_good()


def test_a_call_while_the_models_load(start) -> None:
    node = start(marks=("load",))
    node.wait_for_models("loading")
    response = node.client.refer("the red block", raw(grey(), "rgb8"))
    assert not response.success
    assert "still loading" in response.message
    node.gate.touch()
    node.wait_for_models()
    node.assert_still_good()


def test_the_node_ends_while_the_models_load(start) -> None:
    node = start(marks=("load",))
    node.wait_for_models("loading")
    node.process.send_signal(signal.SIGINT)
    assert node.process.wait(timeout=60) == 0


def test_missing_weights_name_the_command(start) -> None:
    node = start(marks=("missing",))
    node.wait_for_models("failed")
    for _ in range(2):
        response = node.client.refer("the red block")
        assert not response.success
        assert "hybridgl download sam_vit_h" in response.message
    assert node.log.count("hybridgl download sam_vit_h") == 1
    assert node.client.diagnostics()["state"] == "unconfigured"
    assert node.client.node.count_subscribers(node.topic("image")) == 0
    node.gate.with_suffix(".missing").unlink()
    assert node.transit("configure") and node.transit("activate")
    node.assert_still_good()


def test_two_nodes_of_one_name(start) -> None:
    first = start()
    second = start(namespace=first.namespace)
    second.wait_for_log("nodes are called")
    first.wait_for_models()
    first.assert_still_good()


def test_frames_of_another_qos_are_explained(start) -> None:
    topic = "/reliable_images"
    parameter = f"qos_overrides.{topic}.subscription.reliability:=reliable"
    node = start("-r", f"image:={topic}", "-p", parameter)
    node.wait_for_models()
    from rclpy.qos import qos_profile_sensor_data

    publisher = node.client.node.create_publisher(Image, topic, qos_profile_sensor_data)
    node.wait_for_log("another QoS")
    node.client.node.destroy_publisher(publisher)
    node.assert_still_good()
