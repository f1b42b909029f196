"""The client in plain Python: what it believes of the node, and what it keeps."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from hybridgl_ros.msg import ReferredObject
from sensor_msgs.msg import Image
from std_msgs.msg import String

from hybridgl_ros.ros.common.client import NoAnswerError

RESULTS = 30


def test_a_restarted_node_is_not_ready_before_its_models_are(start: Callable) -> None:
    """Whatever its predecessor said, and however much of that still waits to be taken in."""
    before = start()
    before.wait_for_models()
    before.publish(before.frame())
    before.client.wait_until_ready()
    before.process.terminate()
    before.process.wait()
    after = start(marks=("load",), namespace=before.namespace)
    try:
        after.wait_for_models("loading")
        with pytest.raises(NoAnswerError, match="in vain for .*segment_node to be ready: .*load"):
            before.client.wait_until_ready(5.0)
        with pytest.raises(NoAnswerError, match="in vain for the models"):
            before.client.wait_for_models(5.0)
    finally:
        after.gate.touch()
    after.wait_for_models()


def test_results_that_nobody_waits_for_are_not_kept(start: Callable) -> None:
    def kept() -> int:
        return sum(type(entry) is ReferredObject for entry in gc.get_objects())

    node = start("-p", "mode:=continuous")
    node.wait_for_models()
    client, before = node.client, kept()
    heard: list[int] = []
    client.node.create_subscription(
        ReferredObject, node.topic("segment_node/result"), lambda message: heard.append(message.mask.width), 10
    )
    expressions = client.node.create_publisher(String, node.topic("expression"), 1)
    images = client.node.create_publisher(Image, node.topic("image"), 1)
    client.wait_for(lambda: (expressions.get_subscription_count() and images.get_subscription_count()) or None, "ears")
    expressions.publish(String(data="the red block"))

    def enough() -> bool | None:
        images.publish(node.frame(second=len(heard) + 1))
        return len(heard) >= RESULTS or None

    client.wait_for(enough, "results")
    assert kept() <= before + 3
    answer = client.refer_by_topic("the red thing")
    assert (answer.expression, answer.found) == ("the red thing", True)
