"""Messages with pictures and points are made for those who listen, and for nobody else."""

from __future__ import annotations

import numpy as np
import pytest
from std_msgs.msg import Header

from hybridgl_ros.ros.common.settings import SegmentSettings, default_settings
from hybridgl_ros.ros.segment import outputs, place_outputs
from hybridgl_ros.ros.segment.outputs import Outputs
from hybridgl_ros.ros.segment.place_outputs import PlaceOutputs
from hybridgl_ros.ros.segment.worker import Outcome
from hybridgl_ros.types import Answer, Candidate, Parse

SETTINGS = default_settings(SegmentSettings, "segment_node")
PICTURES = [
    "~/mask",
    "~/mask/compressed",
    "~/result",
    "~/results",
    "~/overlay",
    "~/overlay/compressed",
    "~/cloud",
    "~/markers",
]


class FakePublisher:
    """Keeps what is published on one topic."""

    def __init__(self) -> None:
        self.listeners = 0
        self.published: list = []

    def get_subscription_count(self) -> int:
        return self.listeners

    def publish(self, message: object) -> None:
        self.published.append(message)


@pytest.fixture
def publishers(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakePublisher]:
    """The publishers of every topic that outputs make from now on."""
    made: dict[str, FakePublisher] = {}
    for module in (outputs, place_outputs):
        monkeypatch.setattr(module, "publisher_of", lambda node, kind, topic: made.setdefault(topic, FakePublisher()))
    return made


def outcome(expression: str = "the cup") -> Outcome:
    mask = np.zeros((16, 24), bool)
    mask[2:5, 3:9] = True
    candidate = Candidate(0, mask, (3.0, 2.0, 5.0, 2.0), 0.9, 0.3, 0.0, 0.0, 0.0, 0.0)
    parse = Parse(expression, expression, expression, "cup")
    answer = Answer(True, mask, 0.9, 0.3, 0.1, (candidate,), parse)
    return Outcome(expression, Header(frame_id="optical"), np.zeros((16, 24, 3), np.uint8), answer, "", 0.1)


@pytest.mark.parametrize("listened", [None, *PICTURES])
def test_only_what_is_listened_to_is_made(publishers: dict[str, FakePublisher], listened: str | None) -> None:
    made = Outputs(None, PlaceOutputs(None, "", print), lambda: SETTINGS)
    assert set(publishers) == {*PICTURES, "~/score", "~/pose"}
    if listened:
        publishers[listened].listeners = 1
    made.publish(outcome())
    assert {topic for topic, publisher in publishers.items() if publisher.published} == {"~/score", listened} - {None}
