"""Ref-Diff: the noise schedule, the maps, the ramp, and who attends to whom."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.methods import Extra, find_method
from hybridgl_ros.evaluation.methods._attention_maps import Schedule, heat, over_image, similarities, square_picture
from hybridgl_ros.evaluation.methods._placed_tokens import visible
from hybridgl_ros.evaluation.methods.ref_diff import cut_out, faded, side_of


def test_the_schedule_gives_the_picture_back_when_the_noise_is_known():
    schedule = Schedule.of(20)
    assert schedule.times[:3] == [1, 51, 101] and len(schedule.times) == 20
    assert (schedule.kept[:-1] > schedule.kept[1:]).all() and (schedule.before[1:] == schedule.kept[:-1]).all()
    torch.manual_seed(0)
    latent, noise = torch.randn(2, 1, 4, 8, 8)
    current = schedule.noised(latent, noise, 5)
    for step in range(5, 0, -1):
        current = schedule.undone(current, noise, step)
    assert torch.allclose(current, schedule.noised(latent, noise, 0), atol=1e-5)


def test_two_of_twenty_steps_are_undone_and_all_their_layers_count():
    asked = []

    def predict(latent, time):
        asked.append(time)
        return torch.zeros(2, 1, *latent.shape[1:]), [torch.full((2, 4, 77), float(time))] * 3

    latent = torch.ones(1, 4, 8, 8)
    found = similarities(latent, torch.zeros_like(latent), predict, 20, 0.1, 9.0)
    assert asked == [51, 1]
    assert [float(layer[0, 0, 0]) for layer in found] == [51.0] * 3 + [1.0] * 3


def test_heat_is_the_guided_mean_of_stretched_layers():
    layer = torch.zeros(2, 4, 77)
    layer[0, :, 5] = torch.tensor([1.0, 1.0, 0.0, 0.0])
    layer[1, :, 5] = torch.tensor([1.0, 1.2, 0.2, 0.0])
    # Guided: 1, 1 + 9·0.2, 9·0.2, 0.
    wanted = np.array([[1.0, 2.8], [1.8, 0.0]]) / 2.8
    assert heat([layer, 2 * layer], 5, 9.0) == pytest.approx(wanted, abs=1e-6)
    assert not heat([torch.ones(2, 4, 77)], 5, 9.0).any()


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (50, 50)])
def test_maps_and_pictures_share_the_square(size):
    height, width = size
    small = np.zeros((4, 4))
    small[1:3, 1:3] = 1
    found = over_image(small, size)
    assert found.shape == size and (found.min(), found.max()) == (0, pytest.approx(1))
    assert found[height // 2, width // 2] > 0.9 > found[0, 0]
    picture = square_picture(np.full((*size, 3), 255, np.uint8), 64)[0, 0]
    assert picture[32, 32] == 1
    assert (picture[0, 0] == -1) == (height != width)


def test_sides_fade():
    image = np.full((2, 9, 3), 100, np.uint8)
    assert side_of("the bright cup") == "right" and side_of("the cup") == ""
    left, right = (faded(image, side, [2, 3])[0, :, 0] for side in ("left", "right"))
    assert left.tolist() == pytest.approx([100, 80, 60, 40, 20, 0, 0, 0, 0])
    assert right.tolist() == pytest.approx(left[::-1].tolist())
    assert (faded(image, "", [2, 3]) == image).all()


def test_a_cut_keeps_its_aspect():
    mask = np.zeros((40, 60), bool)
    mask[10:20, 5:45] = True
    assert cut_out(np.full((40, 60, 3), 7, np.uint8), mask, 32).shape == (32, 128, 3)


def test_class_tokens_see_themselves_and_their_patches_only():
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[0, :2], masks[1, :, 2:] = True, True
    sees = visible(masks, (2, 2))[0]
    assert sees[0].tolist() == [True, False, True, True, False, False]
    assert sees[1].tolist() == [False, True, False, True, False, True]
    assert sees[2:, 2:].all() and not sees[2:, :2].any()


def test_a_missing_library_names_the_command():
    assert find_method("ref-diff").extra.name == "refdiff"
    with pytest.raises(ConfigError, match=r"needs no_such_library; run: pip install 'hybridgl-ros\[some\]'"):
        Extra("some", ("numpy", "no_such_library")).check()
