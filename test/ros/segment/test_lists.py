"""Lists of expressions over DDS: each is answered, and together they make labels and detections."""

from __future__ import annotations

import numpy as np
import pytest
from hybridgl_ros.msg import Expressions, ReferredObject
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from hybridgl_ros.pixels import unpack_rows
from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.ros.common.qos import results_of
from hybridgl_ros.ros.common.settings import SegmentSettings, default_settings
from hybridgl_ros.ros.common.vision import vision_messages

LONGEST = default_settings(SegmentSettings, "segment_node").list_limit


def two_blocks(second: int) -> Image:
    """A red block on the left and a green one on the right."""
    pixels = np.zeros((32, 48, 3), np.uint8)
    pixels[10:16, 4:12, 0] = 255
    pixels[10:16, 30:38, 1] = 255
    message = image_message(pixels, "rgb8", Header(frame_id="optical"))
    message.header.stamp.sec = second
    return message


class Asker:
    """Sends lists to the shared node and hears what comes of them."""

    def __init__(self, node) -> None:
        self.node, self.client = node, node.client
        self.results: list[ReferredObject] = []
        topic, room = node.topic("segment_node/result"), results_of(LONGEST)
        self.client.node.create_subscription(ReferredObject, topic, lambda message: self.results.append(message), room)
        self.pictures = node.hear(Image, "segment_node/label_image")
        self._publisher = self.client.node.create_publisher(Expressions, node.topic("segment_node/expressions"), 10)
        self.client.wait_for(lambda: self._publisher.get_subscription_count() or None, "a listener to lists")
        # A new subscription misses what was published before it matched.
        self.client.wait_for(lambda: self.met() or None, "a first answer")

    def met(self) -> bool:
        """Whether something sent now is heard back on both topics."""
        self.client.refer_by_topic("the red block")
        return bool(self.results and self.pictures)

    def send(self, *expressions: str) -> None:
        self._publisher.publish(Expressions(expressions=expressions))

    def ask(self, *expressions: str, answers: int | None = None) -> Image:
        """The label image of a list, once all its answers have come; by default one for each expression."""
        wanted = len(expressions) if answers is None else answers
        self.results.clear()
        self.pictures.clear()
        self.send(*expressions)
        self.client.wait_for(lambda: (self.pictures and len(self.results) >= wanted) or None, "labels and answers")
        return self.pictures[-1]


@pytest.fixture(scope="module")
def asker(shared_node) -> Asker:
    shared_node.publish(two_blocks(1))
    return Asker(shared_node)


def test_a_list_is_answered_one_by_one_and_as_one_picture(asker: Asker) -> None:
    asker.node.publish(two_blocks(2))
    picture = asker.ask("the green block", "the pink block", "the red block")
    assert [(result.expression, result.found) for result in asker.results] == [
        ("the green block", True),
        ("the pink block", False),
        ("the red block", True),
    ]
    assert {result.header.stamp.sec for result in asker.results} == {2}
    assert picture.header == asker.results[0].header
    numbers = unpack_rows(picture)
    assert (picture.encoding, numbers[12, 34], numbers[12, 8], numbers[0, 0]) == ("mono8", 0, 2, 255)
    assert np.unique(numbers).tolist() == [0, 2, 255]


def test_a_single_expression_has_labels_too(asker: Asker) -> None:
    asker.pictures.clear()
    asker.client.refer_by_topic("the red block")
    asker.client.wait_for(lambda: asker.pictures or None, "its labels")
    assert np.unique(unpack_rows(asker.pictures[-1])).tolist() == [0, 255]


def test_bad_ones_are_refused_with_a_reason_and_the_others_answered(asker: Asker) -> None:
    before = int(asker.client.diagnostics()["expressions failed"])
    fillers = [f"the blue block {number}" for number in range(LONGEST - 4)]
    asker.ask("", "the red block", "x" * 2000, "explode", *fillers, "left out", "this, too", answers=LONGEST - 3)
    assert [result.expression for result in asker.results] == ["the red block", *fillers]
    asker.client.wait_for(
        lambda: int(asker.client.diagnostics()["expressions failed"]) == before + 5 or None, "five refusals"
    )
    asker.node.wait_for_log("no answer to 'explode': ZeroDivisionError")
    for reason in ("the expression is empty", "expression_limit", f"the list has {LONGEST + 2} expressions"):
        assert reason in asker.node.log


def test_an_expression_that_is_there_twice_is_answered_once(asker: Asker) -> None:
    picture = asker.ask("the red block", "the red block", "the green block", answers=2)
    assert [result.expression for result in asker.results] == ["the red block", "the green block"]
    assert np.unique(unpack_rows(picture)).tolist() == [0, 1, 255]


def test_a_long_list_loses_no_result(asker: Asker) -> None:
    expressions = [f"the red block {number}" for number in range(LONGEST)]
    asker.ask(*expressions)
    assert [result.expression for result in asker.results] == expressions


def test_a_list_is_followed_until_an_empty_one_comes(asker: Asker) -> None:
    name = asker.node.topic("segment_node")
    assert asker.client.set_parameter(name, "mode", "continuous") == ""
    asker.ask("the green block", "the red block")
    for second in (11, 12):
        asker.node.publish(two_blocks(second))
        asker.client.wait_for(
            lambda second=second: asker.pictures[-1].header.stamp.sec == second or None, "the new frame's labels"
        )
    assert {result.expression for result in asker.results if result.header.stamp.sec == 12} == {
        "the green block",
        "the red block",
    }
    asker.send()
    answered = asker.client.diagnostics()["expressions answered"]
    asker.node.publish(two_blocks(13))
    assert asker.client.diagnostics()["expressions answered"] == answered
    assert asker.client.set_parameter(name, "mode", "once") == ""


def test_what_vision_msgs_has_is_there_where_it_is_installed(asker: Asker) -> None:
    own = asker.client.node.get_publisher_names_and_types_by_node("segment_node", asker.node.namespace)
    topics = {name for name, _ in own}
    wanted = {asker.node.topic(f"segment_node/{name}") for name in ("label_info", "detections", "detections_3d")}
    said = asker.client.diagnostics()["vision_msgs"]
    if vision_messages() is None:
        assert not topics & wanted
        assert said.startswith("vision_msgs is not installed")
        assert asker.node.log.count("vision_msgs is not installed") == 1
    else:
        assert wanted <= topics
        assert said == "installed"
