"""Answers as messages."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hybridgl_ros.msg import ReferredObject
from hypothesis import given
from hypothesis.extra.numpy import arrays
from std_msgs.msg import Header

from hybridgl_ros.language.query import Count, Phrase, Query, Relation
from hybridgl_ros.ros.common.messages import all_referents, leads, referred_objects, region, summary
from hybridgl_ros.types import Answer, Candidate, ClauseScore, Parse, Tracking, TrackState


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


def test_states_of_followed_objects_are_called_as_in_the_library() -> None:
    for state in TrackState:
        assert getattr(ReferredObject, f"TRACK_{state.name}") == state


def test_followed_objects_carry_their_numbers() -> None:
    several = answer(True)
    tracking = Tracking(ids=(7, 5), states=(TrackState.FOUND, TrackState.FOUND_AGAIN), lost=(6,))
    several = replace(several, objects=several.candidates[:2], tracking=tracking)
    objects = referred_objects(several, "both cups", Header(), 0.5, 3)
    assert [(entry.track_id, entry.track_state) for entry in objects] == [(7, 1), (5, 3), (0, 0)]
    assert list(all_referents(several, objects).lost_track_ids) == [6]
    nothing = replace(answer(False), tracking=Tracking(lost=(6,), lost_states=(TrackState.LOST,)))
    (entry,) = referred_objects(nothing, "both cups", Header(), 0.5)
    assert (entry.found, entry.track_id, entry.track_state) == (False, 6, ReferredObject.TRACK_LOST)


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


def plural(found: bool = True) -> Answer:
    """Two of three candidates are meant, or none."""
    masks = [np.arange(4).reshape(2, 2) == n for n in range(3)]
    candidates = tuple(Candidate(n, masks[n], (0, 0, 1, 1), 0.9 - n / 4, 0.2, 0, 0, 0, 0) for n in range(3))
    clauses = (
        ClauseScore("mug", "phrase", np.array([0.9, 0.8, 0.5], np.float32)),
        ClauseScore("left(ball)", "relation", np.array([1.0, 0.75, 0.25], np.float32), (2,)),
    )
    landmark = Query(Phrase("ball"))
    return Answer(
        found,
        masks[0] | masks[1] if found else np.zeros((2, 2), bool),
        0.65 if found else 0.9,
        0.2,
        0.25,
        candidates,
        Parse("the mugs", "the mugs", "mug", "mug"),
        reason="" if found else "there is no mug",
        notes=("ignored: 'shiny'",),
        objects=candidates[:2] if found else (),
        query=Query(Phrase("mug"), (Relation("left", (landmark,)),), Count("all")),
        clauses=clauses,
    )


@pytest.mark.parametrize(("wanted", "found"), [(1, [True, True]), (2, [True, True]), (3, [True, True, False])])
def test_every_referent_is_found_with_its_own_mask_and_clauses(wanted: int, found: list[bool]) -> None:
    objects = referred_objects(plural(), "the mugs", Header(), 0.5, wanted)
    assert [entry.found for entry in objects] == found
    assert [np.flatnonzero(entry.mask.data).tolist() for entry in objects] == [[n] for n in range(len(found))]
    assert [entry.score for entry in objects[:2]] == pytest.approx([0.9, 0.65])
    for entry, said in zip(objects, ([0.9, 1.0], [0.8, 0.75], [0.5, 0.25]), strict=False):
        assert (entry.query, list(entry.clauses)) == ("mug · left(ball) · all", ["mug", "left(ball)"])
        assert list(entry.probabilities) == pytest.approx(said)
        assert list(entry.notes) == ["ignored: 'shiny'"]
        assert entry.margin == pytest.approx(0.25) or math.isnan(entry.margin)


def test_all_referents_in_one_message() -> None:
    answer = plural()
    together = all_referents(answer, referred_objects(answer, "the mugs", Header(frame_id="optical"), 0.5, 3))
    assert (together.found, len(together.objects), together.header.frame_id) == (2, 2, "optical")
    assert together.score == pytest.approx(0.65)
    assert together.reason == ""


def test_what_failed_is_said_with_the_best_candidate_and_without_pixels() -> None:
    answer = plural(found=False)
    (nothing,) = referred_objects(answer, "the mugs", Header(), 0.5, 3)
    assert (nothing.found, nothing.reason, any(nothing.mask.data)) == (False, "there is no mug", False)
    assert list(nothing.probabilities) == pytest.approx([0.9, 1.0])
    together = all_referents(answer, [nothing])
    assert (together.found, list(together.objects), together.reason) == (0, [], "there is no mug")


def test_the_papers_partial_scores_are_its_clauses() -> None:
    (found,) = referred_objects(answer(True), "the cup", Header(), 0.5)
    assert found.query == "target 'the cup'; position middle"
    assert len(found.clauses) == len(found.probabilities) == 5
    assert found.clauses[0] == "similarity with the text, Eq. 3" and found.probabilities[0] == pytest.approx(0.2)


def test_nothing_was_proposed() -> None:
    (nothing,) = referred_objects(answer(False, count=0), "the cup", Header(), 0.5, 4)
    assert not nothing.found
    assert len(nothing.clauses) == len(nothing.probabilities) == 0
    assert math.isnan(nothing.margin)


def test_summary_gives_the_reason_and_the_notes() -> None:
    assert summary(answer(True)) == "'the cup' found, score 1.000, margin 0.250; cut"
    assert summary(answer(False)) == "too low; cut"
    assert summary(plural()) == (
        "2 found, read as 'mug · left(ball) · all', probability 0.650, margin 0.250; ignored: 'shiny'"
    )
