"""The moving camera: what it shows stays true, and it never looks past the stored picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgl_ros.tabletop.dataset import TabletopScene, TabletopSet, validation_path
from hybridgl_ros.tabletop.motion import Motion, least_zoom, seen

MOTIONS = st.builds(
    Motion,
    pan=st.floats(0, 10),
    tilt=st.floats(0, 6),
    roll=st.floats(0, 20),
    zoom=st.floats(0, 1),
    period=st.integers(4, 50),
)


@pytest.fixture(scope="module")
def scene() -> TabletopScene:
    return TabletopSet(validation_path())[0]


def points_of(scene: TabletopScene, pixels: np.ndarray) -> np.ndarray:
    """N×3 metres of N×2 pixels (column, row)."""
    rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(scene.intrinsics).T
    return rays * scene.depth[pixels[:, 1], pixels[:, 0], None]


def test_at_rest_nothing_is_touched(scene: TabletopScene) -> None:
    assert seen(scene, Motion(), 7) is scene


@given(motion=MOTIONS, frame=st.integers(0, 60))
@settings(max_examples=30, deadline=None)
def test_points_and_labels_are_those_of_the_scene_turned(motion: Motion, frame: int) -> None:
    scene = TabletopSet(validation_path())[0]
    moved = seen(scene, motion, frame)
    rotation = motion.rotation(frame)
    assert np.allclose(rotation @ rotation.T, np.eye(3)) and np.linalg.det(rotation) == pytest.approx(1)
    rows, columns = np.mgrid[5:235:20, 5:315:20]
    pixels = np.column_stack([columns.ravel(), rows.ravel()])
    points = points_of(moved, pixels) @ rotation  # back to the optical frame at rest
    projected = points @ scene.intrinsics.T
    there = np.rint(projected[:, :2] / projected[:, 2:]).astype(int)
    assert (there >= 0).all() and (there < [320, 240]).all()
    same = scene.instances[there[:, 1], there[:, 0]] == moved.instances[pixels[:, 1], pixels[:, 0]]
    near = np.abs(points[:, 2] - scene.depth[there[:, 1], there[:, 0]]) < 0.01
    assert (same & near).mean() > 0.97  # the rest lies on edges
    assert np.isfinite(moved.depth).all()


def test_the_places_of_the_objects_turn_with_the_scene(scene: TabletopScene) -> None:
    motion = Motion(pan=6, tilt=3, roll=10, period=40)
    moved = seen(scene, motion, 8)
    world = [np.array(one.camera["rotation"]) @ truth.position for one in (scene, moved) for truth in one.objects]
    assert np.allclose(world[: len(scene.objects)], world[len(scene.objects) :])
    for truth in moved.objects:
        assert truth.pixels == (moved.instances == truth.instance).sum()


def test_a_view_that_leaves_the_picture_is_refused(scene: TabletopScene) -> None:
    with pytest.raises(ValueError, match="further than the stored pictures reach"):
        seen(scene, Motion(pan=40), 0)


@given(motion=MOTIONS)
@settings(max_examples=20, deadline=None)
def test_no_smaller_zoom_would_do(motion: Motion) -> None:
    scene = TabletopSet(validation_path())[0]
    height, width = scene.instances.shape
    least = least_zoom(tuple(scene.intrinsics.ravel().tolist()), (height, width), motion)
    touched = []
    for frame in range(motion.period):
        moved = seen(scene, motion, frame)
        corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]])
        rays = corners @ np.linalg.inv(moved.intrinsics).T @ motion.rotation(frame)
        places = rays @ scene.intrinsics.T
        places = places[:, :2] / places[:, 2:]
        touched += [places.min(), *((width - 1, height - 1) - places).min(0)]
    assert min(touched) == pytest.approx(0, abs=0.02 * least) or not motion.moves


@pytest.mark.parametrize("motion", [Motion(), Motion(pan=5, roll=8, period=20)])
def test_the_occluder_hides_everything_alike(scene: TabletopScene, motion: Motion) -> None:
    passing = replace(motion, occluder_every=20, occluder_frames=6, occluder_width=0.4)
    lefts = []
    for frame in range(40):
        free, hidden = seen(scene, motion, frame), seen(scene, passing, frame)
        changed = free.depth != hidden.depth
        columns = changed.any(0)
        assert (changed == columns[None]).all()
        assert columns.any() == (frame % 20 >= 14)
        assert (hidden.instances[:, columns] == 0).all()
        assert len(np.unique(hidden.image[:, columns].reshape(-1, 3), axis=0)) == bool(columns.any())
        assert np.array_equal(hidden.image[:, ~columns], free.image[:, ~columns])
        if columns.any():
            lefts.append(int(np.flatnonzero(columns)[0] + np.flatnonzero(columns)[-1]))
    assert lefts[:6] == sorted(set(lefts[:6])) and lefts[:6] == lefts[6:]


@given(motion=MOTIONS, frame=st.integers(0, 60), periods=st.integers(1, 1000))
def test_every_period_is_the_same_to_the_bit(motion: Motion, frame: int, periods: int) -> None:
    later = frame + periods * motion.period
    assert np.array_equal(motion.rotation(frame), motion.rotation(later))
    assert motion.magnification(frame) == motion.magnification(later)
