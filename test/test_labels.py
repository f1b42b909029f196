"""Labels of several answers, and the picture that they make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hybridgl_ros.config import load_config, replace
from hybridgl_ros.labels import kind_of_numbers, label_picture, labels_of, threshold_of, unlabeled_of
from hybridgl_ros.types import Answer, Candidate, Parse

SIZE = (5, 6)
MASKS = arrays(bool, SIZE)
NOTHING = np.zeros(SIZE, bool)


def candidate(mask: np.ndarray) -> Candidate:
    return Candidate(0, mask, (0.0, 0.0, 1.0, 1.0), 0.5, 0.2, 0.0, 0.0, 0.0, 0.0)


def answer(*masks: np.ndarray) -> Answer:
    """An answer with a referent for each mask."""
    objects = tuple(candidate(mask) for mask in masks)
    union = np.any(masks, axis=0) if masks else NOTHING
    return Answer(bool(masks), union, 0.5, 0.2, 0.0, objects, Parse("", "", "", ""), objects=objects)


def picture(*answers: Answer | None) -> np.ndarray:
    return label_picture(labels_of(answers), SIZE)


def test_numbers_of_first_referents_are_the_places_of_their_expressions() -> None:
    labels = labels_of([answer(NOTHING, NOTHING, NOTHING), None, answer(), answer(NOTHING, NOTHING)])
    assert [(label.number, label.expression) for label in labels] == [(0, 0), (2, 2), (3, 3), (4, 0), (5, 0), (6, 3)]
    assert [label.referent is None for label in labels] == [False, True, False, False, False, False]


@given(st.lists(st.lists(MASKS, max_size=3), max_size=4))
def test_each_pixel_has_the_number_of_the_smallest_referent_it_belongs_to(masks: list[list[np.ndarray]]) -> None:
    labels = labels_of([answer(*several) for several in masks])
    drawn = label_picture(labels, SIZE)
    assert drawn.dtype == np.uint8
    for place in np.ndindex(SIZE):
        areas = [
            (label.referent.mask.sum(), label.number)
            for label in labels
            if label.referent is not None and label.referent.mask[place]
        ]
        assert drawn[place] == (min(areas)[1] if areas else 255)


@pytest.mark.parametrize(("count", "kind"), [(0, np.uint8), (254, np.uint8), (255, np.uint16), (700, np.uint16)])
def test_from_255_labels_on_the_numbers_have_16_bits(count: int, kind: type) -> None:
    mask = NOTHING.copy()
    mask[2, 3] = True
    answers = [answer(NOTHING)] * (count - 1) + [answer(mask)] * bool(count)
    drawn = picture(*answers)
    assert drawn.dtype == kind == kind_of_numbers(labels_of(answers))
    assert drawn[0, 0] == unlabeled_of(kind) == np.iinfo(kind).max
    assert drawn[2, 3] == (count - 1 if count else 255)


def test_what_has_no_number_below_the_largest_is_left_out() -> None:
    labels = labels_of([answer(*[NOTHING] * 65540)])
    assert max(label.number for label in labels) == 65534
    assert kind_of_numbers(labels) is np.uint16


def test_the_threshold_is_the_decisions_where_scores_are_probabilities() -> None:
    robot = replace(load_config("embedded"), {"decision.threshold": 0.4})
    assert threshold_of(robot) == 0.4
    assert threshold_of(replace(robot, {"decision.calibrated": False})) == 0.0
    assert threshold_of(load_config("embedded", preset="paper")) == 0.0
