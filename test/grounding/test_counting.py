"""Counts and ranks against the enumeration of every world of members."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgl_ros.grounding.counting import ahead_of, at_least, count_distribution, rank_factors

chances = st.lists(st.floats(0, 1), min_size=1, max_size=6)
quick = settings(max_examples=60)


def worlds(probabilities):
    """Every set of members with its probability."""
    for world in product((False, True), repeat=len(probabilities)):
        chance = np.prod([p if member else 1 - p for p, member in zip(probabilities, world, strict=True)])
        yield world, float(chance)


@quick
@given(chances)
def test_counts_agree_with_enumeration(probabilities):
    wanted = np.zeros(len(probabilities) + 1)
    for world, chance in worlds(probabilities):
        wanted[sum(world)] += chance
    got = count_distribution(torch.tensor(probabilities, dtype=torch.float64))
    assert got.numpy() == pytest.approx(wanted, abs=1e-12)
    assert at_least(torch.tensor(probabilities), 1) == pytest.approx(1 - wanted[0], abs=1e-6)


def line(count: int) -> torch.Tensor:
    """Sharp order: a smaller index comes first."""
    return torch.triu(torch.ones(count, count, dtype=torch.float64), diagonal=1)


@quick
@given(chances, st.integers(-6, 6).filter(bool))
def test_ranks_agree_with_enumeration(probabilities, n):
    wanted = np.zeros(len(probabilities))
    for world, chance in worlds(probabilities):
        row = [i for i, member in enumerate(world) if member]
        if len(row) >= abs(n):
            wanted[row[n - 1 if n > 0 else n]] += chance
    members = torch.tensor(probabilities, dtype=torch.float64)
    got = members * rank_factors(members, line(len(members)), n)
    assert got.numpy() == pytest.approx(wanted, abs=1e-12)


@quick
@given(chances, st.integers(1, 3))
def test_company_is_the_condition_on_more_members(probabilities, n):
    members = torch.tensor(probabilities, dtype=torch.float64)
    enough, many = (sum(chance for world, chance in worlds(probabilities) if sum(world) >= k) for k in (n, n + 1))
    joint = np.zeros(len(probabilities))
    for world, chance in worlds(probabilities):
        row = [i for i, member in enumerate(world) if member]
        if len(row) > n:
            joint[row[n - 1]] += chance
    got = members * rank_factors(members, line(len(members)), n, company=1.0)
    if many > 1e-9:
        wanted = np.minimum(joint / many * enough, members.numpy())
        assert got.numpy() == pytest.approx(wanted, abs=1e-6)


@quick
@given(chances)
def test_the_places_of_a_member_sum_to_one(probabilities):
    members = torch.tensor(probabilities, dtype=torch.float64)
    total = sum(rank_factors(members, line(len(members)), n) for n in range(1, len(members) + 1))
    assert total.numpy() == pytest.approx(np.ones(len(members)), abs=1e-9)


@quick
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=6), st.integers(1, 6), st.floats(0, 1))
def test_the_nth_from_one_end_mirrors_the_nth_from_the_other(values, n, company):
    places, members = torch.tensor(values, dtype=torch.float64), torch.linspace(0.1, 0.9, len(values))
    there = rank_factors(members, ahead_of(places, 1.0), n, company)
    back = rank_factors(members, ahead_of(-places, 1.0).T, n, company)
    mirrored = rank_factors(members, ahead_of(-places, 1.0), -n, company)
    assert torch.allclose(there, back) and torch.allclose(there, mirrored)
    assert bool((there >= 0).all()) and bool((there <= 1 + 1e-9).all())


def test_the_second_of_one_is_nothing():
    assert rank_factors(torch.tensor([1.0]), line(1), 2).tolist() == [0.0]
    assert rank_factors(torch.zeros(0), torch.zeros(0, 0), 1).tolist() == []
    with pytest.raises(ValueError, match="counted from 1"):
        rank_factors(torch.tensor([1.0]), line(1), 0)


def test_level_members_share_the_place():
    factors = rank_factors(torch.ones(2), ahead_of(torch.zeros(2), 1.0), 1)
    assert factors.tolist() == [0.5, 0.5]


def test_an_unknown_value_is_a_coin():
    assert ahead_of(torch.tensor([1.0, float("nan")]), 1.0)[0, 1] == 0.5
