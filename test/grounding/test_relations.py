"""Relations on masks: mirror images, opposites, what lies where, and that every value is a probability."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgl_ros.grounding.geometry import measure
from hybridgl_ros.grounding.relations import BINARY, between_tensor, relation_matrix
from hybridgl_ros.language.query import RELATIONS

quick = settings(max_examples=25)
WIDTH, HEIGHT = 80, 60
OPPOSITES = (
    *(("left", "right"), ("above", "below"), ("front", "behind")),
    *(("smaller", "bigger"), ("shorter", "taller"), ("inside", "containing")),
)


@st.composite
def boxes(draw, low=0, high=4):
    found = []
    for _ in range(draw(st.integers(low, high))):
        left, top = draw(st.integers(0, WIDTH - 2)), draw(st.integers(0, HEIGHT - 2))
        found.append((left, top, draw(st.integers(left + 1, WIDTH)), draw(st.integers(top + 1, HEIGHT))))
    return found


def test_every_relation_of_the_query_is_there():
    assert set(BINARY) | {"between"} == set(RELATIONS)


@quick
@given(boxes(), st.booleans())
def test_relations_are_probabilities_of_any_objects(geometry_of, config, found, deep):
    distances = np.linspace(0.5, 1.0, len(found)) if deep else None
    geometry = geometry_of(found, distances)
    for kind in BINARY:
        matrix = relation_matrix(kind, geometry, config.grounding)
        assert matrix.shape == (len(found), len(found))
        assert bool(((matrix >= 0) & (matrix <= 1)).all()) and bool((matrix.diagonal() == 0).all())
    tensor = between_tensor(geometry, config.grounding)
    assert tensor.shape == (len(found),) * 3 and bool(((tensor >= 0) & (tensor <= 1)).all())


@quick
@given(boxes(low=2))
def test_opposites_are_transposed_and_left_mirrors_right(geometry_of, config, found):
    geometry = geometry_of(found)
    mirrored = geometry_of([(WIDTH - right, top, WIDTH - left, bottom) for left, top, right, bottom in found])
    for one, other in OPPOSITES:
        matrix = relation_matrix(one, geometry, config.grounding)
        assert torch.equal(matrix, relation_matrix(other, geometry, config.grounding).T)
    left = relation_matrix("left", geometry, config.grounding)
    assert torch.allclose(left, relation_matrix("right", mirrored, config.grounding))
    for kind in ("near", "inside", "bigger", "above"):
        assert torch.allclose(
            relation_matrix(kind, geometry, config.grounding), relation_matrix(kind, mirrored, config.grounding)
        )
    assert torch.allclose(
        between_tensor(geometry, config.grounding), between_tensor(mirrored, config.grounding), atol=1e-9
    )


@quick
@given(st.integers(0, 60), st.integers(0, 60))
def test_left_and_far_grow_with_the_way(geometry_of, config, one, two):
    near, away = sorted((one, two))
    fixed = (70, 20, 80, 40)
    matrices = {
        kind: [
            relation_matrix(kind, geometry_of([(60 - x, 20, 70 - x, 40), fixed]), config.grounding)[0, 1]
            for x in (near, away)
        ]
        for kind in ("left", "far")
    }
    for kind, (before, after) in matrices.items():
        assert after >= before, kind


def holds(kind, geometry, config) -> float:
    return float(relation_matrix(kind, geometry, config.grounding)[0, 1])


@pytest.mark.parametrize(
    ("kind", "one", "two"),
    [
        ("left", (0, 0, 10, 10), (40, 0, 50, 10)),
        ("above", (0, 0, 10, 10), (0, 40, 10, 50)),
        ("near", (0, 0, 20, 20), (22, 0, 42, 20)),
        ("far", (0, 0, 5, 5), (70, 50, 75, 55)),
        ("touching", (0, 0, 20, 20), (20, 0, 40, 20)),
        ("on", (10, 10, 20, 20), (5, 20, 30, 50)),
        ("under", (5, 20, 30, 50), (10, 10, 20, 20)),
        ("bigger", (0, 0, 40, 40), (50, 0, 60, 10)),
        ("taller", (0, 0, 10, 50), (20, 0, 60, 20)),
        ("front", (0, 40, 10, 58), (40, 0, 50, 10)),
    ],
)
def test_what_clearly_holds(geometry_of, config, kind, one, two):
    assert holds(kind, geometry_of([one, two]), config) > 0.85
    assert holds(kind, geometry_of([two, one]), config) < 0.5 or kind in ("near", "far", "touching")


def test_a_ball_in_a_ring_is_inside_it(config):
    masks = np.zeros((2, 60, 80), bool)
    masks[0, 25:35, 35:45] = True
    masks[1, 10:50, 20:60] = True
    masks[1, 15:45, 25:55] = False
    geometry = measure(masks, None, None, config.objects)
    matrix = relation_matrix("inside", geometry, config.grounding)
    assert matrix[0, 1] > 0.9 and matrix[1, 0] < 0.1
    assert relation_matrix("around", geometry, config.grounding)[1, 0] > 0.9


def test_depth_decides_before_the_picture_does(geometry_of, config):
    low, high = (0, 40, 10, 58), (40, 0, 50, 10)
    assert holds("behind", geometry_of([low, high]), config) < 0.1
    assert holds("behind", geometry_of([low, high], (1.0, 0.5)), config) > 0.9
    assert holds("near", geometry_of([(0, 0, 20, 20), (22, 0, 42, 20)], (0.3, 3.0)), config) < 0.2


def test_between_needs_the_way_between(geometry_of, config):
    ends = [(0, 20, 10, 30), (70, 20, 80, 30)]
    for middle, wanted in (((35, 20, 45, 30), True), ((35, 50, 45, 60), False), ((72, 0, 80, 8), False)):
        tensor = between_tensor(geometry_of([middle, *ends]), config.grounding)
        assert (tensor[0, 1, 2] > 0.5) == wanted and tensor[0, 1, 2] == pytest.approx(float(tensor[0, 2, 1]))
