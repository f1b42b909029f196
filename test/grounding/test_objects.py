"""Objects from proposals, and their measures."""

from __future__ import annotations

import numpy as np
import pytest

from hybridgl_ros.grounding.geometry import measure
from hybridgl_ros.grounding.objects import find_objects
from hybridgl_ros.proposals import proposals_from_masks


@pytest.fixture
def found(config, masks_of):
    """found(boxes or masks, predicted IoU) → the members of every object."""

    def call(shapes, quality=None):
        masks = shapes if isinstance(shapes, np.ndarray) else masks_of(shapes)
        rated = None if quality is None else np.array(quality)
        return [entry.members for entry in find_objects(proposals_from_masks(masks, rated), config.objects)]

    return call


def test_near_duplicates_are_one_object_and_stay_with_it(found):
    assert found([(0, 0, 20, 20), (0, 0, 20, 18), (40, 0, 60, 20)], [0.8, 0.9, 0.7]) == [(1, 0), (2,)]


def test_a_part_of_a_better_mask_is_no_object(found):
    assert found([(0, 0, 30, 30), (0, 0, 30, 8)], [0.9, 0.8]) == [(0,)]


def test_a_group_of_better_masks_is_no_object(found):
    assert found([(0, 0, 40, 20), (0, 0, 19, 20), (20, 0, 40, 20)], [0.7, 0.9, 0.9]) == [(1,), (2,)]


def test_parts_rated_lower_do_not_break_the_whole(found):
    assert found([(0, 0, 40, 20), (0, 0, 19, 20), (22, 0, 40, 20)], [0.9, 0.7, 0.7]) == [(0,)]


def test_the_background_is_no_object(found):
    assert found([(0, 0, 80, 55), (10, 10, 20, 20)]) == [(1,)]
    assert found([]) == []


def test_a_ball_in_a_ring_is_an_object_of_its_own(found, masks_of):
    masks = masks_of([(35, 25, 45, 35), (20, 10, 60, 50)])
    masks[1, 15:45, 25:55] = False
    assert found(masks, [0.8, 0.9]) == [(1,), (0,)]


def test_depth_is_the_median_inside_the_rim(config, masks_of):
    masks = masks_of([(10, 10, 40, 40)])
    depth = np.full((60, 80), 2.0, np.float32)
    depth[12:38, 12:38] = 1.0
    depth[20:22, 20:30] = np.nan
    matrix = np.array([[50.0, 0, 39.5], [0, 50.0, 29.5], [0, 0, 1]])
    geometry = measure(masks, depth, matrix, config.objects)
    assert float(geometry.depth[0]) == 1.0 and geometry.metric
    assert float(geometry.size[0]) == pytest.approx(30 / 50)
    assert geometry.points[0].tolist() == pytest.approx([(24.5 - 39.5) / 50, (24.5 - 29.5) / 50, 1.0])
    unknown = measure(masks, np.full_like(depth, np.nan), matrix, config.objects)
    assert np.isnan(float(unknown.depth[0])) and not unknown.metric


def test_gaps_are_pixels_of_the_image_whatever_the_grid(config):
    masks = np.zeros((2, 600, 800), bool)
    masks[0, 100:200, 100:200] = masks[1, 100:200, 300:400] = True
    geometry = measure(masks, None, None, config.objects)
    assert float(geometry.gap[0, 1]) == pytest.approx(100, abs=5) and float(geometry.gap[0, 0]) == 0


def test_masks_of_low_quality_are_hardly_objects(config, masks_of):
    masks = masks_of([(0, 0, 20, 20), (40, 0, 60, 20), (0, 40, 20, 60)])
    rated = np.array([0.95, config.objects.quality, 0.1])
    real = [entry.real for entry in find_objects(proposals_from_masks(masks, rated), config.objects)]
    assert real[0] > 0.99 and real[1] == pytest.approx(0.5) and real[2] < 0.01
    assert find_objects(proposals_from_masks(masks), config.objects)[0].real > 0.99
