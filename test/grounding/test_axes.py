"""Places along an axis and in the picture."""

from __future__ import annotations

import pytest
import torch

from hybridgl_ros.grounding.axes import ahead, axis_values, graded, landmark_distance, position_factors, region
from hybridgl_ros.language.query import AXES, PLACES

ROW = [(0, 20, 10, 30), (30, 20, 40, 30), (68, 20, 78, 30)]


@pytest.mark.parametrize("axis", [axis for axis in AXES if axis != "distance"])
def test_every_axis_has_values(geometry_of, config, axis):
    for distances in (None, (0.5, 0.7, 0.9)):
        assert bool(axis_values(axis, geometry_of(ROW, distances), config.grounding).isfinite().all())
    assert axis_values(axis, geometry_of([]), config.grounding).shape == (0,)


@pytest.mark.parametrize("place", PLACES)
def test_every_place_is_a_probability(geometry_of, config, place):
    for found in ([], ROW[:1], ROW):
        geometry = geometry_of(found)
        members = torch.full((len(found),), 0.7)
        for plural in (False, True):
            factors = position_factors((place,), members, geometry, config.grounding, plural)
            assert factors.shape == (len(found),) and bool(((factors >= 0) & (factors <= 1)).all())


def test_left_of_three_is_the_leftmost_and_right_mirrors_it(geometry_of, config):
    geometry, members = geometry_of(ROW), torch.ones(3)
    left = position_factors(("left",), members, geometry, config.grounding, plural=False)
    mirrored = geometry_of([(80 - right, top, 80 - left_, bottom) for left_, top, right, bottom in ROW])
    assert left.argmax() == 0
    assert torch.allclose(left, position_factors(("right",), members, mirrored, config.grounding, plural=False))


def test_two_places_need_both(geometry_of, config):
    corners = [(0, 0, 10, 10), (70, 0, 80, 10), (0, 50, 10, 60), (70, 50, 80, 60)]
    for index, places in enumerate((("top", "left"), ("top", "right"), ("bottom", "left"), ("bottom", "right"))):
        factors = position_factors(places, torch.ones(4), geometry_of(corners), config.grounding, plural=False)
        assert factors.argmax() == index and factors.sort().values[-2] < 0.3


def test_several_on_the_left_are_all_that_are_there(geometry_of, config):
    found = [(0, 20, 8, 30), (12, 20, 20, 30), (68, 20, 78, 30)]
    factors = position_factors(("left",), torch.ones(3), geometry_of(found), config.grounding, plural=True)
    assert (factors > 0.5).tolist() == [True, True, False]


def test_the_middle_one_of_a_row_at_the_edge(geometry_of, config):
    found = [(0, 40, 8, 50), (12, 40, 20, 50), (24, 40, 32, 50)]
    factors = position_factors(("middle",), torch.ones(3), geometry_of(found), config.grounding, plural=False)
    assert factors[1] > factors[0]


def test_the_middle_of_the_picture(geometry_of, config):
    factors = region("middle", geometry_of([(35, 25, 45, 35), (0, 0, 10, 10)]), config.grounding)
    assert factors[0] > 0.9 and factors[1] < 0.1


def test_small_is_small_among_the_members(geometry_of, config):
    geometry = geometry_of([(0, 0, 5, 5), (20, 0, 40, 20), (50, 0, 53, 3)])
    before = ahead(axis_values("size", geometry, config.grounding), True)
    among = graded(torch.tensor([1.0, 1.0, 0.0]), before)
    assert among[0] > 0.9 and among[1] < 0.1
    assert graded(torch.tensor([0.0, 1.0, 0.0]), before)[1] == pytest.approx(1.0)
    assert graded(torch.zeros(0), torch.zeros(0, 0)).shape == (0,)


def test_the_distance_to_a_landmark(geometry_of, config):
    geometry = geometry_of(ROW)
    sure = torch.tensor([[0.0, 0, 1], [0, 0, 1], [0, 0, 0]])
    values = landmark_distance(geometry, sure, config.grounding)
    assert values[1] < values[0]
