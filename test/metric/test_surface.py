"""Masks that miss a part of an object or cover one of its neighbour's: depth tells."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solids import INTRINSICS, SETTINGS, TABLE, UP, ball, box, on_table

from hybridgl_ros.errors import PlaceError
from hybridgl_ros.metric.placement import locate
from hybridgl_ros.metric.plane import Plane
from hybridgl_ros.metric.surface import between, creases, normals_of, points_of, surface

TABLETOP = Plane(UP, float(UP @ TABLE))


def completed(mask: np.ndarray, depth: np.ndarray, **changes: float) -> np.ndarray:
    return surface(mask, depth, INTRINSICS, TABLETOP, replace(SETTINGS, **changes))


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


@settings(max_examples=10)
@given(turn=st.floats(0, 3), direction=st.floats(0, 6.3), share=st.floats(0.1, 0.4))
def test_what_a_mask_misses_of_an_object_is_completed(turn: float, direction: float, share: float) -> None:
    mask, depth = box(on_table(0, 0, 0.05), turn, (0.1, 0.12, 0.1))
    along = np.indices(mask.shape).transpose(1, 2, 0) @ (np.sin(direction), np.cos(direction))
    part = mask & (along > np.quantile(along[mask], share))
    whole, found = (locate(one, depth, INTRINSICS, SETTINGS) for one in (mask, part))
    assert found.position == pytest.approx(whole.position, abs=0.004)
    assert found.extent == pytest.approx(whole.extent, abs=0.008)


def test_less_than_the_share_is_not_completed() -> None:
    mask, depth = box(on_table(0, 0, 0.05), 0.4, (0.1, 0.12, 0.1))
    rows = np.flatnonzero(mask.any(1))
    part = mask.copy()
    part[rows[0] : rows[int(0.6 * len(rows))]] = False
    share = part.sum() / mask.sum()
    assert iou(completed(part, depth, covered=share - 0.05), mask) > 0.9
    assert not (completed(part, depth, covered=share + 0.05) & ~part).any()
    assert not (completed(part, depth, covered=2.0) & ~part).any()


@settings(max_examples=15)
@given(right=st.floats(0.09, 0.14), away=st.floats(-0.05, 0.05), reach=st.integers(2, 8))
def test_the_edge_of_a_neighbour_is_left_out(right: float, away: float, reach: int) -> None:
    mask, depth = box(on_table(-0.03, 0, 0.05), 0.1, (0.1, 0.1, 0.1))
    _, beside = box(on_table(right, away, 0.05), 0.1, (0.1, 0.1, 0.1))
    both = np.fmin(depth, beside)
    mask &= depth <= both
    other = ~mask & (both < np.where(mask, np.inf, depth) - 1e-6)
    spilt = mask | (other & (cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=reach) > 0))
    one = locate(mask, both, INTRINSICS, SETTINGS)
    assert locate(spilt, both, INTRINSICS, SETTINGS).position == pytest.approx(one.position, abs=0.006)


@settings(max_examples=10)
@given(turn=st.floats(0, 1.5), side=st.floats(0.05, 0.09))
def test_what_stands_on_another_is_not_taken_for_it(turn: float, side: float) -> None:
    _, lower = box(on_table(0, 0, 0.05), 0.2, (0.14, 0.14, 0.1))
    upper, depth_upper = box(on_table(0, 0, 0.1 + side / 2), turn, (side, side, side))
    depth = np.fmin(lower, depth_upper)
    upper &= depth_upper <= depth
    below = np.isfinite(lower) & ~upper & (TABLETOP.heights(points_of(depth, INTRINSICS)) > 0.01)
    assert iou(completed(upper, depth), upper) > 0.85
    assert (completed(below, depth) & upper).sum() < 0.1 * upper.sum()


def test_the_table_and_unknown_depth_are_never_surface() -> None:
    mask, depth = ball(on_table(0, 0, 0.08), 0.08)
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=4) > 0
    holes = np.random.default_rng(0).random(depth.shape) < 0.2
    for nothing in (np.nan, 0.0, -1.0, np.inf):
        holed = np.where(holes, np.float32(nothing), depth)
        assert not (completed(mask, holed) & holes).any()
        assert not completed(wide, np.full_like(depth, nothing)).any()
        assert not completed(np.zeros_like(mask), holed).any()
    assert iou(locate_mask(wide, depth), mask) > 0.85


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), blobs=st.integers(1, 4), unknown=st.floats(0, 0.9), noise=st.floats(0, 0.05))
def test_whatever_the_mask_there_is_a_place_or_a_reason(seed: int, blobs: int, unknown: float, noise: float) -> None:
    random = np.random.default_rng(seed)
    _, depth = box(on_table(*random.uniform(-0.2, 0.2, 2), 0.05), random.uniform(0, 3), (0.1, 0.12, 0.1))
    depth = (depth + noise * random.normal(size=depth.shape)).astype(np.float32)
    depth[random.random(depth.shape) < unknown] = random.choice([np.nan, 0, -1, np.inf])
    mask = np.zeros(depth.shape, np.uint8)
    for _ in range(blobs):
        centre = random.integers(0, depth.shape[::-1])
        cv2.circle(mask, (int(centre[0]), int(centre[1])), int(random.integers(1, 40)), 1, -1)
    with suppress(PlaceError):
        found = locate(mask > 0, depth, INTRINSICS, SETTINGS)
        assert np.isfinite([*found.position, *found.extent, *found.quaternion]).all()
        assert found.rotation.T @ found.rotation == pytest.approx(np.eye(3), abs=1e-6)


def locate_mask(mask: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The pixels that a place is worked out from."""
    found = np.zeros_like(mask)
    rows, columns = locate(mask, depth, INTRINSICS, SETTINGS).cloud.pixels.T
    found[rows, columns] = True
    return found


def test_convex_edges_are_no_creases_and_concave_ones_are() -> None:
    mask, depth = box(on_table(0, 0, 0.05), 0.8, (0.12, 0.12, 0.1))
    everywhere = np.isfinite(depth)
    assert not creases(depth, mask, INTRINSICS, SETTINGS).any()
    foot = creases(depth, everywhere, INTRINSICS, SETTINGS)
    assert foot.any()
    heights = TABLETOP.heights(points_of(depth, INTRINSICS))
    assert np.median(heights[foot]) < 0.03


def test_a_sensors_steps_are_no_creases() -> None:
    mask, depth = ball(on_table(0, 0, 0.09), 0.09)
    stepped = (np.round(depth / 0.002) * 0.002).astype(np.float32)
    assert creases(stepped, mask, INTRINSICS, SETTINGS)[mask].mean() < 0.01


def test_normals_look_at_the_camera() -> None:
    _, depth = box(on_table(5, 5, 0.05), 0, (0.1, 0.1, 0.1))
    normals = normals_of(points_of(depth, INTRINSICS), 2)
    inside = normals[2:-2, 2:-2][np.isfinite(depth[2:-2, 2:-2])]
    assert np.nanmax(np.abs(inside - UP)) < 1e-3
    assert np.isnan(normals[:2]).all() and np.isnan(normals[:, -2:]).all()


def test_a_picture_smaller_than_the_reach_has_no_creases() -> None:
    small = np.ones((3, 2, 3))
    assert np.isnan(between(small, 2, 0)).all() and np.isnan(between(small, 1, 1)).all()
    assert not creases(np.ones((3, 2)), np.ones((3, 2), bool), INTRINSICS, SETTINGS).any()
