"""Scenes are kept by what is in the picture and by the settings that they depend on."""

from __future__ import annotations

import numpy as np
import pytest

from hybridgl_ros.config import load_config, replace
from hybridgl_ros.ros.segment.scene_cache import SceneCache


@pytest.fixture
def encoded() -> list[np.ndarray]:
    return []


@pytest.fixture
def get(encoded):
    cache = SceneCache()
    config = load_config("embedded")

    def ask(image: np.ndarray, capacity: int = 2, **changes):
        def encode(picture: np.ndarray):
            encoded.append(picture)
            return len(encoded)

        return cache.get(image, replace(config, changes) if changes else config, encode, capacity)

    ask.cache = cache
    return ask


def test_an_equal_picture_is_not_encoded_again(get, picture) -> None:
    assert get(picture) == get(picture.copy()) == 1


@pytest.mark.parametrize("place", [(0, 0, 0), (-1, -1, -1), (1, 30, 2)])
def test_a_picture_that_differs_in_one_value_is_another(get, encoded, picture, place) -> None:
    other = picture.copy()
    other[place] ^= 1
    assert get(picture) != get(other)
    assert len(encoded) == 2


def test_pictures_of_the_same_bytes_but_another_shape_differ(get, picture) -> None:
    assert get(picture) != get(picture.reshape(60, 40, 3))


def test_settings_of_the_answer_keep_the_scene_and_settings_of_the_image_do_not(get, picture) -> None:
    assert get(picture) == get(picture, **{"fusion.alpha": 0.25})
    assert get(picture) != get(picture, **{"features.blur_kernel": 3})


def test_the_least_recently_used_goes_first(get, encoded, picture) -> None:
    first, second, third = picture, 255 - picture, picture // 2
    for image in (first, second, first, third, first):
        get(image)
    assert len(encoded) == 3
    get(second)
    assert len(encoded) == 4


def test_nothing_is_kept_without_room(get, picture) -> None:
    get(picture, capacity=0)
    assert len(get.cache) == 0


def test_what_is_cleared_is_encoded_again(get, encoded, picture) -> None:
    get(picture)
    get.cache.clear()
    assert len(get.cache) == 0
    assert get(picture) == len(encoded) == 2
