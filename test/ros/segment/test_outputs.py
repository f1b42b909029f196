"""What is published of answers: pictures and points for those who listen, labels and detections of a whole list."""

from __future__ import annotations

import fake_vision_msgs
import numpy as np
import pytest
from std_msgs.msg import Header

from hybridgl_ros.config import load_config
from hybridgl_ros.ros.common.settings import SegmentSettings, default_settings
from hybridgl_ros.ros.segment import outputs, place_outputs, vision_outputs
from hybridgl_ros.ros.segment.job import Outcome
from hybridgl_ros.ros.segment.outputs import Outputs
from hybridgl_ros.ros.segment.place_outputs import PlaceOutputs
from hybridgl_ros.ros.segment.vision_outputs import VisionOutputs
from hybridgl_ros.types import Answer, Candidate, Parse

CONFIG = load_config("embedded")
SETTINGS = default_settings(SegmentSettings, "segment_node")
OF_VISION_MSGS = {"~/label_info", "~/detections", "~/detections_3d"}
# What is large; the rest is always sent, a pose where there is one, the label info when it changes.
LISTENED = [
    "~/mask",
    "~/mask/compressed",
    "~/result",
    "~/results",
    "~/overlay",
    "~/overlay/compressed",
    "~/cloud",
    "~/markers",
    "~/label_image",
    "~/detections",
    "~/detections_3d",
]
HEADER = Header(frame_id="optical")


class FakePublisher:
    """Keeps what is published on one topic."""

    def __init__(self) -> None:
        self.listeners = 0
        self.published: list = []

    def get_subscription_count(self) -> int:
        return self.listeners

    def publish(self, message: object) -> None:
        self.published.append(message)


class FakeNode:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.info = self.log.append

    def get_logger(self) -> FakeNode:
        return self


@pytest.fixture
def publishers(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakePublisher]:
    """The publishers of every topic that outputs make from now on."""
    made: dict[str, FakePublisher] = {}
    for module in (outputs, place_outputs, vision_outputs):
        monkeypatch.setattr(module, "publisher_of", lambda *given: made.setdefault(given[2], FakePublisher()))
    monkeypatch.setattr(vision_outputs, "vision_messages", lambda: fake_vision_msgs)
    return made


def make_outputs(node: FakeNode | None = None) -> Outputs:
    vision = VisionOutputs(node, lambda: CONFIG)
    return Outputs(node, PlaceOutputs(node, SETTINGS, print), vision, lambda: SETTINGS)


def outcome(expression: str = "the cup", column: int = 3) -> Outcome:
    mask = np.zeros((16, 24), bool)
    mask[2:5, column : column + 6] = True
    candidate = Candidate(0, mask, (float(column), 2.0, 5.0, 2.0), 0.9, 0.3, 0.0, 0.0, 0.0, 0.0)
    parse = Parse(expression, expression, expression, "cup")
    answer = Answer(True, mask, 0.9, 0.3, 0.1, (candidate,), parse)
    return Outcome(expression, HEADER, np.zeros((16, 24, 3), np.uint8), answer, "", 0.1)


@pytest.mark.parametrize("listened", [None, *LISTENED])
def test_only_what_is_listened_to_is_made(publishers: dict[str, FakePublisher], listened: str | None) -> None:
    made = make_outputs()
    assert set(publishers) == {*LISTENED, "~/score", "~/pose", "~/label_info"}
    if listened:
        publishers[listened].listeners = 1
    made.publish([outcome()])
    published = {topic for topic, publisher in publishers.items() if publisher.published}
    assert published == {"~/score", "~/label_info", listened} - {None}


def test_a_list_makes_one_label_image_and_one_list_of_detections(publishers: dict[str, FakePublisher]) -> None:
    made = make_outputs()
    for publisher in publishers.values():
        publisher.listeners = 1
    refused = Outcome("nonsense", None, None, None, "why", 0.0)
    made.publish([outcome("the cup", 1), refused, outcome("the fork", 12)])
    heard = {topic: publisher.published for topic, publisher in publishers.items()}
    assert [message.expression for message in heard["~/result"]] == ["the cup", "the fork"]
    assert [len(heard[f"~/{topic}"]) for topic in ("cloud", "markers")] == [1, 1]
    topics = ("label_image", "label_info", "detections", "detections_3d")
    (picture,), (info,), (flat,), (solid,) = (heard[f"~/{topic}"] for topic in topics)
    numbers = np.frombuffer(picture.data, np.uint8).reshape(16, 24)
    assert (picture.encoding, numbers[3, 2], numbers[3, 13], numbers[0, 0]) == ("mono8", 0, 2, 255)
    names = {entry.class_id: entry.class_name for entry in info.class_map}
    assert names == {0: "the cup", 2: "the fork", 255: "UNLABELED"}
    assert info.threshold == CONFIG.decision.threshold
    assert picture.header == info.header == flat.header == solid.header == HEADER
    assert [entry.results[0].hypothesis.class_id for entry in flat.detections] == ["the cup", "the fork"]
    assert solid.detections == []


def test_a_list_without_any_answer_publishes_nothing(publishers: dict[str, FakePublisher]) -> None:
    made = make_outputs()
    for publisher in publishers.values():
        publisher.listeners = 1
    made.publish([Outcome("nonsense", None, None, None, "why", 0.0)])
    assert not any(publisher.published for publisher in publishers.values())


def test_many_labels_take_16_bits(publishers: dict[str, FakePublisher]) -> None:
    made = make_outputs()
    publishers["~/label_image"].listeners = 1
    made.publish([outcome(f"cup {number}", number % 18) for number in range(300)])
    (picture,), (info,) = publishers["~/label_image"].published, publishers["~/label_info"].published
    assert (picture.encoding, picture.step) == ("mono16", 48)
    assert np.frombuffer(picture.data, np.uint16).max() == info.class_map[-1].class_id == 65535
    assert len(info.class_map) == 301


def test_label_info_comes_again_when_labels_change_or_somebody_listens(publishers: dict[str, FakePublisher]) -> None:
    made = make_outputs()
    info = publishers["~/label_info"]
    for _ in range(2):
        made.publish([outcome("the cup")])
    assert len(info.published) == 1
    made.publish([outcome("the fork")])
    assert len(info.published) == 2
    publishers["~/label_image"].listeners = 1
    made.publish([outcome("the fork")])
    assert len(info.published) == 3


def test_without_vision_msgs_there_are_labels_still_and_it_is_said_once(
    publishers: dict[str, FakePublisher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vision_outputs, "vision_messages", lambda: None)
    node = FakeNode()
    made = make_outputs(node)
    publishers["~/label_image"].listeners = 1
    for _ in range(2):
        made.publish([outcome()])
    assert len(publishers["~/label_image"].published) == 2
    assert not publishers.keys() & OF_VISION_MSGS
    (line,) = node.log
    assert "vision_msgs is not installed" in line
