"""CLIP as RNN: the lattice, the CRF, the boxes, the circle, and what becomes of several masks."""

from __future__ import annotations

import fake_evaluation
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import transforms

from hybridgl_ros.config import load_config
from hybridgl_ros.evaluation.methods import find_method
from hybridgl_ros.evaluation.methods._car_maps import AttendedImage, doubly_normalised, inside_boxes
from hybridgl_ros.evaluation.methods._crf import CrfValues, DenseCrf
from hybridgl_ros.evaluation.methods._lattice import Lattice
from hybridgl_ros.evaluation.methods._pictures import input_picture
from hybridgl_ros.evaluation.methods._placed_tokens import region_tokens
from hybridgl_ros.evaluation.methods._values import values_for
from hybridgl_ros.evaluation.methods.car import CarValues, circled, merged, plain_text
from hybridgl_ros.evaluation.stages import Stages


@pytest.mark.parametrize("dimensions", [2, 5])
def test_the_lattice_filters_like_a_gaussian(dimensions):
    generator = np.random.default_rng(0)
    points = generator.normal(size=(600, dimensions))
    values = points[:, 0] + 3
    lattice = Lattice(points)
    squared = ((points[:, None] - points) ** 2).sum(axis=-1)
    kernel = np.exp(-squared / 2)
    exact = kernel @ values / kernel.sum(axis=1)
    found = lattice.filter(values) / lattice.filter(np.ones(len(points)))
    assert np.abs(found - exact).mean() < 0.1 * values.std()
    assert lattice.filter(2 * values + 1) == pytest.approx(2 * lattice.filter(values) + lattice.filter(np.ones(600)))


def test_the_crf_moves_a_blurred_edge_to_where_the_colours_change():
    image = np.full((40, 60, 3), 30, np.uint8)
    image[:, 25:] = 200
    ramp = np.broadcast_to(np.linspace(0, 1, 60) ** 1.5, (40, 60))
    found = DenseCrf(image, CrfValues(**values_for("car", CarValues).crf)).refine(ramp)
    assert ((ramp > 0.5)[0].argmax(), (found > 0.5)[0].argmax()) == (38, 25)
    assert (found > 0.5)[:, 25:].all() and not (found > 0.5)[:, :25].any()


def test_boxes_surround_what_is_high_and_leave_out_the_last_row_and_column():
    activation = np.zeros((6, 8), np.float32)
    activation[1:3, 2] = 1
    activation[4:, 6:] = 0.9
    wanted = np.zeros_like(activation)
    wanted[1:3, 2], wanted[4, 6] = 1, 1
    assert (inside_boxes(activation, 0.5) == wanted).all()
    assert not inside_boxes(np.zeros((6, 8), np.float32), 0.5).any()


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 8), st.integers(0, 2**31))
def test_spreading_is_symmetric_and_keeps_the_sum(count, seed):
    attention = torch.from_numpy(np.random.default_rng(seed).uniform(0.1, 1, (count, count))).softmax(dim=1)
    spread = doubly_normalised(attention)
    assert torch.allclose(spread.sum(dim=1), torch.ones(count, dtype=spread.dtype), atol=0.02)
    assert torch.allclose(spread, spread.T)


def test_the_ellipse_surrounds_the_map():
    image, found = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), np.float32)
    found[10:21, 20:41] = 1
    rows, columns = np.nonzero(np.asarray(circled(image, found, 0.5)).any(axis=-1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 20, 20, 40)
    assert not np.asarray(circled(image, np.zeros_like(found), 0.5)).any()


@pytest.mark.parametrize("size", [(60, 41), (33, 70), (50, 50)])
def test_the_classifier_sees_what_clip_preprocesses(size):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8))
    wanted = transforms.Compose(
        [transforms.Resize(32, interpolation=transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(32)]
    )
    assert (np.asarray(input_picture(picture, 32)) == np.asarray(wanted(picture))).all()


def test_masks_are_merged_by_their_scores_and_by_any_where_little_is_left():
    masks = np.zeros((2, 10, 10), bool)
    masks[0, :5], masks[1, :, :5] = True, True
    assert (merged(masks, np.array([0.6, 0.4]), 0.05) == masks[0]).all()
    masks[0] = False
    assert (merged(masks, np.array([0.6, 0.4]), 0.05) == masks[1]).all()


def test_signs_of_the_data_set_are_taken_out():
    assert plain_text('The "Red"/blue mug') == "the redblue mug"


def test_an_answer_has_a_mask_of_its_own_and_no_candidates(picture):
    config = load_config("embedded", preset="paper")
    segmenter = fake_evaluation.loader(fake_evaluation.FixedBoxes())(config)
    stages = Stages(segmenter, None, {"sam": "a", "clip": "b"})
    stages.start(picture)
    encoded = find_method("car").build(config, stages).encode(picture)
    answer = encoded.refer("the red box")
    assert encoded.proposals is None and answer.candidates == () and np.isnan(answer.score)
    assert answer.mask.shape == picture.shape[:2] and answer.found == answer.mask.any()
    assert answer.parse.sentence == "the red box" and not stages.usage()


def test_methods_run_in_every_type(tiny_clip, half_clip, picture, four_masks):
    pixels = half_clip.normalise(torch.from_numpy(picture).permute(2, 0, 1))
    exact, found = (region_tokens(clip, pixels, torch.from_numpy(four_masks)) for clip in (tiny_clip, half_clip))
    assert (exact * found).sum(dim=1).min() > 0.99
    texts = torch.nn.functional.normalize(torch.randn(3, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    maps = [AttendedImage(clip, picture, 8).activation(texts) for clip in (tiny_clip, half_clip)]
    assert maps[1].dtype == np.float32 and np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1] > 0.99
