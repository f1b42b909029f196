"""Sums of enlarged maps over masks are those of the maps at the picture's size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.spatial.position import position_map
from hybridgl_ros.spatial.weights import enlargement, extremal, mask_weights

# torch 2.14 enlarges pictures of a single column wrongly.
side = st.integers(2, 90)
GRID, SQUARE = (3, 5), 20


def enlarged(values: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Bilinear to the square, then antialiased to the picture, H×W."""
    square = F.interpolate(values[None, None], size=(SQUARE, SQUARE), mode="bilinear")
    return F.interpolate(square, size=(height, width), mode="bilinear", antialias=True)[0, 0]


STRAIGHT = ["none", "left", "right", "up", "down"]


@pytest.mark.parametrize(
    ("asked", "position"), [("middle", "middle"), ("left", "none"), *((STRAIGHT[0], one) for one in STRAIGHT)]
)
@pytest.mark.parametrize("middle", ["radial", "tent"])
@given(height=side, width=side, seed=st.integers(0, 2**31))
def test_sums_over_masks(asked, position, middle, height, width, seed):
    generator = np.random.default_rng(seed)
    masks = generator.random((3, height, width)) < np.array([0.05, 0.5, 0.98])[:, None, None]
    masks[:, generator.integers(height), generator.integers(width)] = True
    values = torch.from_numpy(generator.random(GRID))
    weights = mask_weights(masks, GRID, SQUARE, asked, middle)[position]
    full = enlarged(values, height, width) * position_map(position, height, width, middle)
    expected = [float(full[torch.from_numpy(mask)].sum()) for mask in masks]
    scale = height * width * 1e-6
    assert weights.area.tolist() == masks.sum(axis=(1, 2)).tolist() and weights.pixels == height * width
    assert np.allclose(weights.inside @ values.flatten(), expected, atol=scale)
    assert float(weights.total @ values.flatten()) == pytest.approx(float(full.sum()), abs=scale)


@given(side, side, st.integers(0, 2**31))
def test_extremes_are_those_of_all_pixels(height, width, seed):
    values = torch.rand(GRID, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    full = enlarged(values, height, width)
    some = extremal(GRID[0], SQUARE, height) @ values @ extremal(GRID[1], SQUARE, width).T
    assert torch.allclose(torch.stack(some.aminmax()), torch.stack(full.aminmax()), atol=1e-9)


def test_what_is_looked_at_does_not_grow_with_the_picture():
    assert len(extremal(28, 448, 4000)) < 2 * 448 + 3 and len(enlargement(28, 448, 4000)) == 4000
