from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plain_clip import plain_map_tokens

from hybridgl_ros.clip.localisation import localisation_map, map_tokens, min_max, self_self_attention, squash


def test_tokens_are_unit_length_and_independent_of_text(tiny_clip, picture):
    tokens, grid = map_tokens(tiny_clip, picture, size=64, blocks=6)
    assert grid == (4, 4) and tokens.shape == (16, 16)
    assert torch.allclose(tokens.norm(dim=-1), torch.ones(16), atol=1e-5)


def test_no_second_copy_of_the_weights(tiny_clip, picture):
    before = [(name, value.data_ptr()) for name, value in tiny_clip.model.named_parameters()]
    map_tokens(tiny_clip, picture, size=64, blocks=6)
    assert before == [(name, value.data_ptr()) for name, value in tiny_clip.model.named_parameters()]


def test_map_covers_the_image_between_zero_and_one(tiny_clip, picture):
    tokens, grid = map_tokens(tiny_clip, picture, size=64, blocks=6)
    found = localisation_map(tokens, grid, tokens[5], 64, (40, 60)).enlarged()
    assert found.shape == (40, 60) and found.min() == 0 and found.max() == 1
    row, column = divmod(int(found.argmax()), 60)
    assert 10 <= row < 20 and 15 <= column < 30


def test_more_blocks_than_there_are_is_all_of_them(tiny_clip, picture):
    assert torch.equal(map_tokens(tiny_clip, picture, 64, 63)[0], map_tokens(tiny_clip, picture, 64, 12)[0])


def test_constant_values_become_ones():
    assert (min_max(torch.full((3, 3), 0.2)) == 1).all()


@pytest.mark.parametrize(("size", "blocks"), [(64, 6), (48, 12), (32, 1)])
def test_tokens_are_those_of_the_plain_way(tiny_clip, picture, size, blocks):
    found, grid = map_tokens(tiny_clip, picture, size, blocks)
    expected = plain_map_tokens(tiny_clip, squash(tiny_clip, picture, size), blocks)
    assert grid == (size // 16, size // 16) and torch.allclose(found, expected, atol=1e-5)


def test_self_self_attention_of_equal_tokens_is_their_value():
    projections = torch.randn(3, 2, 4, 1, 8).expand(3, 2, 4, 5, 8)
    assert torch.allclose(self_self_attention(projections, torch.ones(2)), projections[2], atol=1e-5)


@given(st.integers(2, 150), st.integers(2, 150), st.integers(0, 2**31))
def test_the_map_is_that_of_full_pictures(height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.nn.functional.normalize(torch.randn(12, 8, generator=generator), dim=-1)
    phrase = torch.randn(8, generator=generator)
    cosines = (tokens @ torch.nn.functional.normalize(phrase, dim=-1)).view(1, 1, 3, 4)
    square = min_max(torch.nn.functional.interpolate(cosines, size=(24, 24), mode="bilinear"))
    plain = torch.nn.functional.interpolate(square, size=(height, width), mode="bilinear", antialias=True)
    found = localisation_map(tokens, (3, 4), phrase, 24, (height, width))
    assert torch.allclose(found.enlarged(), min_max(plain)[0, 0], atol=1e-5)


def test_a_constant_map_is_all_ones():
    found = localisation_map(torch.ones(6, 4) / 2, (2, 3), torch.ones(4), 32, (20, 30))
    assert (found.values == 1).all() and (found.enlarged() == 1).all()
