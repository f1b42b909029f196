"""Whatever comes is answered, refused or counted; `make fuzz` does the same with more messages."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from fake_node import ColourSegmenter
from fuzz.__main__ import TRANSPORTS, red_block
from fuzz.harness import Harness
from fuzz.messages import Fuzzer
from hybridgl_ros.msg import Expressions
from hybridgl_ros.srv import ReferSegment
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

COUNT = 1500
OVER_DDS = 300
LISTS = "segment_node/expressions"
INPUTS = {"image": Image, "depth": Image, "camera_info": CameraInfo, "expression": String, LISTS: Expressions}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_message_is_met_with_silence(ros, tmp_path, transport: str) -> None:
    harness = Harness(partial(ColourSegmenter, tmp_path / "gate"), red_block(), *TRANSPORTS[transport])
    try:
        assert {"camera_info", "expression", LISTS, "refer_segment", "refer"} < harness.inputs.keys()
        harness.run(Fuzzer(0), COUNT)
    finally:
        harness.close()


def test_silence_is_noticed(ros, tmp_path) -> None:
    harness = Harness(partial(ColourSegmenter, tmp_path / "gate"), red_block())
    try:
        harness.inputs["image"] = (Image, lambda message: None)
        with pytest.raises(AssertionError, match="nothing was counted"):
            harness.put("image", harness.picture, patience=0.1)
    finally:
        harness.close()


def test_over_dds_a_good_request_is_answered_after_each_hundred(start) -> None:
    node, fuzzer, noise = start(), Fuzzer(1), np.random.default_rng(1)
    node.wait_for_models()
    client = node.client
    publishers = {name: client.node.create_publisher(kind, node.topic(name), 10) for name, kind in INPUTS.items()}
    for name, publisher in publishers.items():
        client.wait_for(lambda heard=publisher: heard.get_subscription_count() or None, f"a listener to {name}")
    for number in range(OVER_DDS):
        for name, publisher in publishers.items():
            if name == LISTS and number % 10:
                continue  # each is many expressions, which take the places of the rest
            message = fuzzer.make(INPUTS[name])
            if number % 3:
                publisher.publish(message)
            else:  # bytes that are no message of this type, mostly
                data = bytearray(serialize_message(message))
                data[noise.integers(4, len(data))] = noise.integers(256)
                publisher.publish(bytes(data[: noise.integers(4, len(data) + 1)]))
        if number % 10 == 0:
            request = fuzzer.make(ReferSegment.Request)
            response = client.refer(request.expression, request.image, request.candidates, request.deadline)
            assert response.message
        if number % 100 == 99:
            client.wait_for(lambda: client.diagnostics()["expressions waiting"] == "0" or None, "all answers")
            node.assert_still_good()
    assert node.process.poll() is None
    assert "Traceback" not in node.log
