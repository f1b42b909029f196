"""Places of solids that are known: a ball and boxes on a table, seen from above."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solids import AWAY, INTRINSICS, RIGHT, SETTINGS, UP, ball, box, on_table

from hybridgl_ros.errors import PlaceError
from hybridgl_ros.metric.cloud import cloud_of, greater_part
from hybridgl_ros.metric.placement import locate, place_of, quaternion_of
from hybridgl_ros.metric.symmetry import lowest, mirror
from hybridgl_ros.types import Proposals, Scene

places = st.tuples(st.floats(-0.15, 0.15), st.floats(-0.1, 0.1))


@settings(max_examples=15)
@given(place=places, turn=st.floats(0, 3), long=st.floats(0.1, 0.2), height=st.floats(0.05, 0.15))
def test_a_box_is_where_it_stands(place, turn: float, long: float, height: float) -> None:
    centre = on_table(*place, height / 2)
    found = locate(*box(centre, turn, (0.08, long, height)), INTRINSICS, SETTINGS)
    assert np.linalg.norm(found.position - centre) < 0.006
    assert found.distance == pytest.approx(float(np.linalg.norm(centre)), abs=0.006)
    assert np.sort([0.08, long]) == pytest.approx(found.extent[:2], abs=0.015)
    assert found.extent[2] == pytest.approx(height, abs=0.01)


@settings(max_examples=10)
@given(place=places, radius=st.floats(0.04, 0.09))
def test_a_ball_is_not_where_its_surface_is(place, radius: float) -> None:
    centre = on_table(*place, radius)
    found = locate(*ball(centre, radius), INTRINSICS, SETTINGS)
    surface = found.cloud.points.mean(0)
    assert np.linalg.norm(found.position - centre) < np.linalg.norm(surface - centre) / 4


def test_the_gripper_comes_from_above_and_closes_along_the_shorter_side() -> None:
    mask, depth = box(on_table(0, 0, 0.03), 0.5, (0.06, 0.2, 0.06))
    found = locate(mask, depth, INTRINSICS, SETTINGS)
    assert found.rotation.T @ found.rotation == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    assert found.rotation[:, 2] @ UP == pytest.approx(-1, abs=1e-3)
    short = np.cos(0.5) * RIGHT + np.sin(0.5) * AWAY
    assert found.rotation[:, 0] @ short == pytest.approx(1, abs=0.01)


@settings(max_examples=10)
@given(factor=st.floats(0.1, 20))
def test_a_world_of_another_size_gives_places_of_that_size(factor: float) -> None:
    mask, depth = box(on_table(0.05, 0, 0.04), 0.7, (0.08, 0.12, 0.08))
    one, other = locate(mask, depth, INTRINSICS, SETTINGS), locate(mask, depth * factor, INTRINSICS, SETTINGS)
    assert other.position == pytest.approx(factor * one.position, rel=0.01)
    assert other.extent == pytest.approx(factor * one.extent, rel=0.03)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_rolled_camera_sees_the_same_object_rolled(quarters: int) -> None:
    mask, depth = box(on_table(0.05, 0.02, 0.04), 0.7, (0.08, 0.14, 0.08))
    rolled = INTRINSICS.copy()
    rolled[:2, 2] = INTRINSICS[:2, 2][:: -1 if quarters % 2 else 1]
    one = locate(mask, depth, INTRINSICS, SETTINGS)
    other = locate(np.rot90(mask, quarters), np.rot90(depth, quarters), rolled, SETTINGS)
    cos, sin = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters]
    roll = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    assert other.position == pytest.approx(roll @ one.position, abs=0.004)
    assert abs((roll @ one.rotation)[:, 0] @ other.rotation[:, 0]) == pytest.approx(1, abs=0.02)


def test_what_is_far_from_the_object_does_not_matter() -> None:
    mask, depth = box(on_table(0.05, 0.02, 0.04), 0.7, (0.08, 0.14, 0.08))
    one = locate(mask, depth, INTRINSICS, SETTINGS)
    moved = INTRINSICS.copy()
    moved[:2, 2] += 300, 200
    edges = ((200, 100), (300, 50))
    other = locate(np.pad(mask, edges), np.pad(depth, edges, constant_values=0.3), moved, SETTINGS)
    assert other.position == pytest.approx(one.position, abs=1e-9)
    assert np.array_equal(other.cloud.pixels, one.cloud.pixels + np.array([200, 300]))


def test_unknown_depth_is_no_depth() -> None:
    mask, depth = box(on_table(0, 0, 0.05), 0.3, (0.1, 0.1, 0.1))
    whole = locate(mask, depth, INTRINSICS, SETTINGS)
    holes = np.random.default_rng(0).random(depth.shape) < 0.3
    for nothing in (np.nan, 0.0, -1.0, np.inf):
        found = locate(mask, np.where(holes, np.float32(nothing), depth), INTRINSICS, SETTINGS)
        assert found.position == pytest.approx(whole.position, abs=0.005)
        with pytest.raises(PlaceError, match="0 pixels of the object have depth"):
            locate(mask, np.full_like(depth, nothing), INTRINSICS, SETTINGS)
    with pytest.raises(PlaceError, match="0 pixels"):
        locate(np.zeros_like(mask), depth, INTRINSICS, SETTINGS)


def test_without_a_plane_the_camera_is_level() -> None:
    mask, depth = ball(on_table(0, 0, 0.08), 0.08)
    found = locate(mask, np.where(mask, depth, np.nan), INTRINSICS, SETTINGS)
    assert found.plane is None
    assert found.rotation[:, 2] == pytest.approx([0, 1, 0])
    assert np.linalg.norm(found.position - on_table(0, 0, 0.08)) < 0.04


def test_an_object_on_another_stands_on_that_one() -> None:
    lower, upper = on_table(0, 0, 0.05), on_table(0, 0, 0.13)
    _, depth_below = box(lower, 0.2, (0.14, 0.14, 0.1))
    above, depth_above = box(upper, 0.2, (0.06, 0.06, 0.06))
    depth = np.fmin(depth_below, depth_above)
    found = locate(above & (depth_above <= depth), depth, INTRINSICS, SETTINGS)
    assert np.linalg.norm(found.position - upper) < 0.012
    assert found.extent[2] == pytest.approx(0.06, abs=0.012)


def test_flying_pixels_and_strays_are_left_out() -> None:
    mask, depth = box(on_table(0, 0, 0.05), 0.3, (0.1, 0.1, 0.1))
    clean = cloud_of(mask, depth, INTRINSICS, SETTINGS)
    rows, columns = clean.pixels[:: len(clean) // 20].T
    hanging = depth.copy()
    hanging[rows, columns] += 0.06
    points = cloud_of(mask, hanging, INTRINSICS, SETTINGS)
    assert not {tuple(pixel) for pixel in points.pixels} & set(zip(rows, columns))
    assert len(points) > 0.8 * len(clean)


@given(near=st.integers(1, 50), far=st.integers(1, 50))
def test_the_greater_part_stays(near: int, far: int) -> None:
    kept = greater_part(np.r_[np.full(near, 1.0), np.full(far, 2.0)], SETTINGS.gap)
    assert kept.sum() == max(near, far)


def test_a_scene_without_depth_says_so() -> None:
    mask, depth = ball(on_table(0, 0, 0.08), 0.08)
    nothing = Proposals(mask[None], np.zeros((1, 4), np.float32), np.ones(1), np.ones(1))
    scene = Scene(np.zeros((*mask.shape, 3), np.uint8), nothing, None, None, (0, 0))
    with pytest.raises(PlaceError, match="there is no depth"):
        place_of(scene, mask, SETTINGS)
    with pytest.raises(PlaceError, match="intrinsics"):
        place_of(replace(scene, depth=depth), mask, SETTINGS)
    found = place_of(replace(scene, depth=depth, intrinsics=INTRINSICS), mask, SETTINGS)
    assert np.array_equal(found.position, locate(mask, depth, INTRINSICS, SETTINGS).position)


@given(st.tuples(*4 * [st.floats(-1, 1)]).filter(lambda q: sum(value**2 for value in q) > 0.01))
def test_quaternions_turn_as_the_matrix_does(numbers) -> None:
    x, y, z, w = np.array(numbers) / np.linalg.norm(numbers)
    matrix = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    found = quaternion_of(matrix)
    assert found[3] >= 0
    assert abs(np.dot(found, (x, y, z, w))) == pytest.approx(1, abs=1e-6)


def test_the_edge_of_another_object_is_no_part_of_this_one() -> None:
    mask, depth = box(on_table(-0.1, 0, 0.05), 0.3, (0.1, 0.1, 0.1))
    other, depth_other = box(on_table(0.03, 0.2, 0.1), 0.3, (0.1, 0.1, 0.2))
    both = np.fmin(depth, depth_other)
    one = locate(mask, both, INTRINSICS, SETTINGS)
    assert (other & ~mask).any()
    wide = mask | (other & (np.indices(mask.shape)[1] < np.flatnonzero(other.any(0))[0] + 4))
    assert locate(wide, both, INTRINSICS, SETTINGS).position == pytest.approx(one.position, abs=0.006)


@settings(max_examples=10)
@given(turn=st.floats(-0.1, 0.1), flat=st.floats(0.7, 1.0))
def test_a_long_thing_across_the_view_is_in_the_middle_of_its_ends(turn: float, flat: float) -> None:
    """Thin at one end, so that no mirror across its length fits."""
    along = np.cos(turn) * RIGHT + np.sin(turn) * AWAY
    thick, depth = box(on_table(0, 0, 0.04) - 0.06 * along, turn, (0.12, 0.08, 0.08))
    thin, depth_thin = box(on_table(0, 0, 0.02) + 0.06 * along, turn, (0.12, 0.04 * flat, 0.04))
    both = np.fmin(depth, depth_thin)
    found = locate(thick | thin, both, INTRINSICS, SETTINGS)
    assert abs((found.position - on_table(0, 0, 0.04)) @ along) < 0.02


def test_the_lowest_place_of_a_parabola() -> None:
    for place in (-0.4, 0.0, 0.3):
        assert lowest((np.array([-1, 0, 1]) - place) ** 2) == pytest.approx(place)
    assert lowest(np.array([3.0, 1.0])) == lowest(np.array([2.0, 2.0, 2.0])) == 0.0
    assert lowest(np.array([0.0, 1.0, 5.0])) == -0.5


def test_the_mirror_stands_at_the_first_place_that_fits() -> None:
    """Half of a circle on a table, seen from its side: the other half is hidden behind it."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 50)
    points = np.stack([np.sin(angle), 0 * angle, 5 - np.cos(angle)], axis=-1)

    class Back:
        @staticmethod
        def contradiction(mirrored: np.ndarray) -> np.ndarray:
            return np.abs(np.hypot(mirrored[..., 0], mirrored[..., 2] - 5) - 1)

    found = mirror(points, np.array([0.0, 0, 1]), (4.0, 5.0), 1.5, 0.7, Back)
    assert found == pytest.approx(5, abs=0.01)
    assert mirror(points, np.array([0.0, 0, 1]), (4.0, 5.0), 1.5, 0.3, Back) == pytest.approx(4.5)
