"""Object sets, splits and placement, without rendering."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgl_ros.tabletop.layout import (
    HEIGHT,
    SPLITS,
    WIDTH,
    mesh_of,
    object_set_id,
    sample_layout,
    sample_object_set,
    split_of,
)
from hybridgl_ros.tabletop.objects import SHAPES, SIZES


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(SPLITS), st.integers(0, 10_000))
def test_a_set_belongs_to_its_split_in_any_order(split: str, seed: int) -> None:
    specs = sample_object_set(np.random.default_rng(seed), split)
    assert 3 <= len(specs) <= 6
    assert split_of(object_set_id(specs)) == split
    assert object_set_id(specs[::-1]) == object_set_id(specs)


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match="train, val, heldout"):
        sample_object_set(np.random.default_rng(0), "test")


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_objects_stand_on_the_table_in_view(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layout = sample_layout(rng, sample_object_set(rng, "train"))
    for placed in layout.objects if layout else ():
        points = placed.points
        assert points[:, 2].min() == pytest.approx(0, abs=1e-9)
        assert layout is not None
        pixels = layout.camera.project(points)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        shown = np.prod(np.clip(high, 0, (WIDTH, HEIGHT)) - np.clip(low, 0, (WIDTH, HEIGHT)))
        assert shown >= 0.95 * np.prod(high - low)
        assert 44 <= np.ptp(pixels, axis=0).max() <= 132


def test_projection_and_its_inverse_agree() -> None:
    rng = np.random.default_rng(4)
    layout = None
    while layout is None:
        layout = sample_layout(rng, sample_object_set(rng, "train"))
    for pixel in np.array([[160.0, 120.0], [40.0, 200.0]]):
        point = layout.camera.on_plane(pixel, 0.02)
        assert point is not None
        assert point[2] == pytest.approx(0.02)
        np.testing.assert_allclose(layout.camera.project(point[None])[0], pixel, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_faces_look_outwards_and_sizes_differ(shape: str) -> None:
    volumes = []
    for size in SIZES:
        mesh = mesh_of(shape, size, 0)
        a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
        volumes.append(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)
    assert volumes[0] > 0
    assert volumes[1] > 2.5 * volumes[0]
