from __future__ import annotations

import math

import pytest

from hybridgl_ros.evaluation.breakdown import ABSENT, PROPOSALS, TARGET_AREA, WORDS, breakdown


def test_a_tag_counts_once_a_sample(make_outcome):
    rows = breakdown([make_outcome(tags=("a", "a")), make_outcome(tags=("a",))])
    assert [row.samples for row in rows if row.factor == "tag"] == [2]


@pytest.mark.parametrize(
    ("bins", "value", "label"),
    [
        (TARGET_AREA, 0.0, "< 1 %"),
        (TARGET_AREA, 0.01, "1–3 %"),
        (TARGET_AREA, 1.0, "≥ 30 %"),
        (PROPOSALS, 0, "0"),
        (PROPOSALS, 5, "1–5"),
        (PROPOSALS, 41, "> 40"),
        (WORDS, 2, "1–2 words"),
        (WORDS, 3, "3–4 words"),
        (WORDS, 13, "> 12 words"),
    ],
)
def test_bins_hold_their_lower_edge(bins, value, label):
    assert bins.label(value) == label


def test_each_factor_covers_every_sample_with_a_target(make_outcome):
    outcomes = [
        make_outcome(target_area=0.2, n_proposals=0),
        make_outcome(target_area=0.005, parse={}),
        make_outcome(expression="a"),
        make_outcome(has_target=False),
    ]
    rows = breakdown(outcomes)
    for factor in ("relation", "position", "target size", "proposals", "length"):
        assert sum(row.samples for row in rows if row.factor == factor) == 3
    assert [row.group for row in rows if row.factor == "target size"] == ["< 1 %", "1–3 %", "10–30 %"]


def test_a_group_has_the_figures_of_its_samples(make_outcome):
    outcomes = [
        make_outcome(intersection=9, union=10, iou=0.9, clip_iou=1.0),
        make_outcome(intersection=0, union=90, iou=0.0, clip_iou=0.0),
        make_outcome(parse={"relation": "none"}, iou=1.0, intersection=5, union=5),
    ]
    left, none = (row for row in breakdown(outcomes) if row.factor == "relation")
    assert (left.group, left.samples, left.oiou) == ("left", 2, pytest.approx(0.09))
    assert (left.miou, left.precision_50, left.clip_miou) == (pytest.approx(0.45), 0.5, 0.5)
    assert (none.group, none.miou) == ("none", 1.0)


def test_a_sample_counts_for_each_of_its_tags(make_outcome):
    rows = breakdown([make_outcome(tags=("a", "b"), iou=1.0), make_outcome(tags=("b",), iou=0.0)])
    assert [(row.group, row.samples, row.miou) for row in rows if row.factor == "tag"] == [
        ("b", 2, 0.5),
        ("a", 1, 1.0),
    ]


def test_samples_without_a_target_are_grouped_by_why(make_outcome):
    wrong, false = ("absent", "wrong noun"), ("absent", "one clause false")
    outcomes = [
        make_outcome(tags=("plain",), found=False),
        *(make_outcome(has_target=False, iou=None, tags=wrong, found=found) for found in (False, False, False, True)),
        make_outcome(has_target=False, iou=None, tags=false, found=True),
    ]
    rows = {row.group: row for row in breakdown(outcomes) if row.factor == ABSENT}
    assert {group: (row.samples, row.found) for group, row in rows.items()} == {
        "absent": (5, 0.4),
        "wrong noun": (4, 0.25),
        "one clause false": (1, 1.0),
    }
    assert all(math.isnan(row.miou) for row in rows.values())
    (present,) = (row for row in breakdown(outcomes) if row.factor == "tag")
    assert (present.samples, present.found, present.miou) == (1, 0.0, 0.5)
