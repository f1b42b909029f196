"""Varied scenes: poses, shades, and objects that hold others, without rendering."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgl_ros.tabletop.appearance import sample_paint
from hybridgl_ros.tabletop.layout import Layout, mesh_of, sample_layout, sample_object_set
from hybridgl_ros.tabletop.objects import POSES, SHADES, SHAPES, SIZES, pose_by_height, pose_of
from hybridgl_ros.tabletop.variety import HOLDS, pose_rotation, sample_pose


def varied_layout(seed: int) -> Layout:
    rng = np.random.default_rng(seed)
    while True:
        layout = sample_layout(rng, sample_object_set(rng, "train", varied=True), varied=True)
        if layout is not None:
            return layout


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_everything_stands_on_the_table_or_in_what_holds_it(seed: int) -> None:
    layout = varied_layout(seed)
    for placed in layout.objects:
        if placed.holder is None:
            assert placed.points[:, 2].min() == pytest.approx(0, abs=1e-9)
            continue
        holder = layout.objects[placed.holder]
        held = HOLDS[holder.spec.shape, holder.spec.size][1]
        assert (placed.spec.shape, placed.spec.size) in held
        np.testing.assert_allclose(placed.position[:2], holder.position[:2])
        assert placed.points[:, 2].min() > -1e-9


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pose_is_read_back_from_the_rotation_and_rests_on_the_table(shape: str) -> None:
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(60):
        pose = sample_pose(rng, shape)
        if pose is None:
            assert shape in ("cube", "ball")
            continue
        seen.add(pose)
        rotation = pose_rotation(rng, shape, pose, rng.uniform(-np.pi, np.pi))
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(rotation) == pytest.approx(1)
        assert pose_of(shape, rotation[2, 2]) == pose
    assert seen <= set(POSES)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("copy", range(4))
def test_a_lying_cone_rests_on_its_side(size: str, copy: int) -> None:
    heights = mesh_of("cone", size, copy).vertices @ pose_rotation(np.random.default_rng(1), "cone", "lying", 0.0).T
    low = heights[:, 2] < heights[:, 2].min() + 0.1 * SIZES[size]
    assert np.ptp(heights[low], axis=0)[:2].max() > 0.4 * SIZES[size]


@pytest.mark.parametrize("shape", ["cylinder", "bottle", "ring"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("copy", range(4))
def test_the_height_of_the_centre_tells_the_pose_where_older_sets_do_not(shape: str, size: str, copy: int) -> None:
    rng = np.random.default_rng(copy)
    for pose in ("standing", "lying"):
        rotation = pose_rotation(rng, shape, pose, 0.4)
        height = -(mesh_of(shape, size, copy).vertices @ rotation.T)[:, 2].min()
        assert pose_by_height(shape, height / SIZES[size]) == pose


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(sorted({colour for colour, _ in SHADES})), st.integers(0, 10_000))
def test_shades_are_lighter_and_darker_than_the_plain_colour(colour: str, seed: int) -> None:
    def luma(shade: str | None) -> float:
        return float(np.dot((0.299, 0.587, 0.114), sample_paint(np.random.default_rng(seed), colour, shade)))

    if (colour, "dark") in SHADES:
        assert luma("dark") < luma(None)
    assert luma("light") > luma(None)
