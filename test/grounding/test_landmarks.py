"""Relations to uncertain landmarks, against the enumeration of which object the landmark is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgl_ros.grounding.landmarks import identity, pair_factors, relation_factors

quick = settings(max_examples=50)
chances = st.lists(st.floats(0, 1), min_size=0, max_size=5)


def matrix_of(count: int) -> torch.Tensor:
    values = torch.from_numpy(np.random.default_rng(count).random((count, count)))
    return values.fill_diagonal_(0) if count else values


@quick
@given(chances)
def test_factors_are_probabilities_and_grow_with_the_relation(probabilities):
    likely = torch.tensor(probabilities, dtype=torch.float64)
    matrix = matrix_of(len(likely))
    for several in (False, True):
        factors = relation_factors(matrix, likely, several)
        more = relation_factors((matrix * 1.2).clamp(max=1), likely, several)
        assert bool(((factors >= 0) & (factors <= 1 + 1e-9)).all()) and bool((more >= factors - 1e-12).all())


@quick
@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=5))
def test_the_landmark_is_another_object_given_that_one_is_it(probabilities):
    which = identity(torch.tensor(probabilities))
    for i in range(len(probabilities)):
        others = [0.0 if j == i else p for j, p in enumerate(probabilities)]
        exactly = [p * np.prod([1 - q for k, q in enumerate(others) if k != j]) for j, p in enumerate(others)]
        assert which.shares[i].numpy() == pytest.approx(np.array(exactly) / sum(exactly), abs=1e-5)
        assert float(which.exists[i]) == pytest.approx(1 - np.prod([1 - p for p in others]), abs=1e-5)


def test_an_object_is_never_its_own_landmark():
    factors = relation_factors(torch.ones(2, 2).double().fill_diagonal_(0), torch.tensor([1.0, 0.0]))
    assert factors[0] == pytest.approx(0, abs=1e-6) and factors[1] == pytest.approx(1, abs=1e-6)


def test_any_of_several_landmarks_is_enough():
    matrix = torch.tensor([[0, 1.0, 0], [0, 0, 0], [0, 0, 0]], dtype=torch.float64)
    likely = torch.tensor([0.0, 0.9, 0.9])
    assert relation_factors(matrix, likely, several=True)[0] > relation_factors(matrix, likely)[0]


def test_between_two_of_the_same_kind():
    tensor = torch.zeros(3, 3, 3, dtype=torch.float64)
    tensor[0, 1, 2] = tensor[0, 2, 1] = 1
    balls = torch.tensor([0.1, 0.95, 0.9])
    assert pair_factors(tensor, balls, balls).tolist() == pytest.approx([0.95 * 0.9, 0, 0], abs=1e-6)
    assert pair_factors(tensor[:1, :1, :1], balls[:1], balls[:1]).tolist() == [0]
    assert pair_factors(torch.zeros(0, 0, 0), torch.zeros(0), torch.zeros(0)).tolist() == []
