"""Answers as messages."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from std_msgs.msg import Header

from hybridgl_ros.ros.messages import leads, referred_objects, region, summary
from hybridgl_ros.types import Answer, Candidate, Parse


@given(arrays(bool, (7, 9)))
def test_the_region_is_the_smallest_box_around_the_mask(mask: np.ndarray) -> None:
    box = region(mask)
    inside = np.zeros_like(mask)
    inside[box.y_offset : box.y_offset + box.height, box.x_offset : box.x_offset + box.width] = True
    assert not (mask & ~inside).any()
    if mask.any():
        cut = mask[inside].reshape(box.height, box.width)
        assert cut[0].any()
        assert cut[-1].any()
        assert cut[:, 0].any()
        assert cut[:, -1].any()
    else:
        assert (box.width, box.height) == (0, 0)


def test_leads() -> None:
    assert leads([0.9, 0.4, 0.4])[:2] == pytest.approx([0.5, 0.0])
    assert math.isnan(leads([0.9])[0])


def answer(found: bool, count: int = 3) -> Answer:
    mask = np.ones((2, 2), bool)
    candidates = tuple(Candidate(n, mask, (0, 0, 1, 1), 1.0 - n / 4, 0.2, 0, 0, 0, 0) for n in range(count))
    parse = Parse("the cup", "the cup", "the cup", "cup", position="middle")
    return Answer(
        found,
        mask if found else ~mask,
        1.0 if count else 0.0,
        0.2,
        0.25,
        candidates,
        parse,
        reason="" if found else "too low",
        notes=("cut",),
    )


@pytest.mark.parametrize(("found", "wanted", "count"), [(True, 1, 1), (True, 2, 2), (True, 9, 3), (False, 3, 1)])
def test_as_many_as_asked_for_and_only_the_answer_is_found(found: bool, wanted: int, count: int) -> None:
    objects = referred_objects(answer(found), "the cup", Header(frame_id="optical"), 0.5, wanted)
    assert len(objects) == count
    assert [entry.found for entry in objects] == [found, *[False] * (count - 1)]
    for entry in objects:
        assert (entry.header.frame_id, entry.expression, entry.latency) == ("optical", "the cup", 0.5)
    assert objects[0].margin == pytest.approx(0.25)
    assert any(objects[0].mask.data) == found
    assert (objects[0].position, objects[0].relation) == ("middle", "")


def test_nothing_was_proposed() -> None:
    (nothing,) = referred_objects(answer(False, count=0), "the cup", Header(), 0.5, 4)
    assert not nothing.found
    assert math.isnan(nothing.margin)


def test_summary_gives_the_reason_and_the_notes() -> None:
    assert summary(answer(True)) == "'the cup' found, score 1.000, margin 0.250; cut"
    assert summary(answer(False)) == "too low; cut"
