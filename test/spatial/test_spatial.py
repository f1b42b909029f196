from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.spatial.guidance import guidance_scores, unit_mean
from hybridgl_ros.spatial.position import position_map
from hybridgl_ros.spatial.relations import RELATIONS, relation_matrix

box = st.tuples(*[st.integers(0, 500)] * 4).map(lambda values: torch.tensor([values], dtype=torch.float32))


@given(box, box)
def test_opposite_relations_mirror_each_other(first, second):
    for one, other in (("left", "right"), ("up", "down"), ("big", "small")):
        assert relation_matrix(one, first, second) == relation_matrix(other, second, first).T
        assert relation_matrix(one, first, second) * relation_matrix(other, first, second) == 0


@given(box)
def test_nothing_is_left_of_or_bigger_than_itself(one):
    assert all(relation_matrix(name, one, one) == 0 for name in RELATIONS if name != "within")


@given(box, box)
def test_within_is_a_share(first, second):
    share = relation_matrix("within", first, second).item()
    assert 0 <= share <= 1
    if first[0, 2] * first[0, 3] > 0:
        assert relation_matrix("within", first, first).item() == 1


def test_within_of_a_box_half_covered():
    assert relation_matrix("within", torch.tensor([[0, 0, 10, 10]]), torch.tensor([[5, 0, 20, 20]])).item() == 0.5


def test_an_unknown_relation_is_refused():
    with pytest.raises(KeyError):
        relation_matrix("beside", torch.zeros(1, 4), torch.zeros(1, 4))


@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.sampled_from(["none", "left", "right", "up", "down", "middle"]),
    st.sampled_from(["radial", "tent"]),
)
def test_position_maps_stay_in_range(height, width, position, middle):
    prior = position_map(position, height, width, middle)
    assert prior.shape == (height, width)
    assert prior.min() >= 0 and prior.max() <= 1


def test_position_maps_point_the_right_way():
    assert position_map("left", 3, 5)[0].tolist() == [1, 0.75, 0.5, 0.25, 0]
    assert position_map("right", 3, 5)[0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert position_map("up", 3, 5)[:, 0].tolist() == [1, 0.5, 0]
    assert position_map("down", 3, 5)[:, 0].tolist() == [0, 0.5, 1]
    radial = position_map("middle", 5, 5)
    assert radial[2, 2] == 1 and radial[0, 0] == 0
    assert position_map("middle", 2, 6, "tent")[0].tolist() == [0, 0.5, 1, 1, 0.5, 0]


def test_guidance_score_is_the_weighted_difference_of_means():
    guidance = torch.tensor([[1.0, 1.0], [0.0, 0.5]])
    masks = torch.tensor([[[True, True], [False, False]], [[False, False], [False, True]]])
    scores = guidance_scores(guidance, masks, inside_weight=1, outside_weight=9)
    assert torch.allclose(scores, torch.tensor([1 - 9 * 0.25, 0.5 - 9 * 2 / 3]))


def test_a_map_that_a_prior_wiped_out_is_not_divided():
    assert unit_mean(torch.tensor(0.0), 4) == 1
    assert unit_mean(torch.tensor(4.0), 2) == 0.5


@given(st.integers(1, 3000), st.booleans(), st.integers(0, 2**31))
def test_guidance_scores_are_those_of_float64_for_any_area(area, almost_all, seed):
    """Masks from 1 pixel to all but 1 of 640×480."""
    generator = torch.Generator().manual_seed(seed)
    guidance = torch.rand(480, 640, generator=generator)
    mask = torch.zeros(480 * 640, dtype=torch.bool)
    mask[torch.randperm(len(mask), generator=generator)[:area]] = True
    mask = (~mask if almost_all else mask).view(1, 480, 640)
    wide = guidance.double()
    exact = wide[mask[0]].mean() - 9 * wide[~mask[0]].mean()
    assert guidance_scores(guidance, mask, 1, 9).item() == pytest.approx(exact.item(), rel=1e-5, abs=1e-5)


def test_a_mask_that_leaves_out_a_little_of_a_big_picture_does_not_win():
    guidance = torch.rand(3000, 4000, generator=torch.Generator().manual_seed(0)) * 0.2 + 0.4
    masks = torch.ones(1, 3000, 4000, dtype=torch.bool)
    masks[0, 0, :100] = False
    assert guidance_scores(guidance, masks, 1, 9).item() == pytest.approx(
        0.5 - 9 * guidance[0, :100].mean().item(), abs=1e-3
    )
