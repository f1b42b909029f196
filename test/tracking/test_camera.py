"""The motion of the whole picture."""

from __future__ import annotations

import cv2
import numpy as np
from disc_scenes import HEIGHT, WIDTH, texture
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgl_ros.tracking.camera import STILL, motion, moved_mask, moved_point


@given(
    angle=st.floats(-8, 8), scale=st.floats(0.9, 1.1), x=st.floats(-15, 15), y=st.floats(-12, 12), block=st.booleans()
)
@settings(max_examples=30, deadline=None)
def test_turns_scales_and_shifts_are_found(angle: float, scale: float, x: float, y: float, block: bool) -> None:
    transform = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), angle, scale)
    transform[:, 2] += x, y
    before = texture(HEIGHT, WIDTH)
    after = cv2.warpAffine(before, transform, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    if block:  # something that stands still before the camera
        before[40:80, 60:100] = after[40:80, 60:100] = 128
    found = motion(before, after)
    for corner in np.array([(30.0, 20), (130, 20), (30, 100), (130, 100)]):
        assert np.linalg.norm(moved_point(corner, found) - moved_point(corner, transform)) < 2


def test_no_motion_where_it_cannot_be_told() -> None:
    flat = np.full((HEIGHT, WIDTH), 90, np.uint8)
    rich = texture(HEIGHT, WIDTH)
    for before, after in ((flat, rich), (rich, rich[:60]), (rich, rich)):
        assert np.array_equal(motion(before, after), STILL)
    noise = np.random.default_rng(2).integers(0, 255, (2, HEIGHT, WIDTH), dtype=np.uint8)
    for before, after in ((rich, flat), (noise[0], noise[1])):
        assert motion(before, after).shape == (2, 3) and np.isfinite(motion(before, after)).all()


def test_masks_move_like_points() -> None:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[50:61, 70:81] = True
    transform = np.array([[1.0, 0, 12], [0, 1, -7]])
    rows, columns = np.nonzero(moved_mask(mask, transform))
    assert (columns.mean(), rows.mean()) == (87, 48)
    assert moved_point(np.array([75.0, 55]), transform).tolist() == [87, 48]
