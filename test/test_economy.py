"""Halved batch sizes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.config import load_config, replace
from hybridgl_ros.economy import batch_sizes, described, with_halved_batches

CONFIG = load_config("embedded")


@given(features=st.integers(1, 1024), points=st.integers(1, 4096), times=st.integers(0, 14))
def test_sizes_fall_by_halves_but_not_below_one(features: int, points: int, times: int) -> None:
    config = replace(CONFIG, {"features.batch_size": features, "proposals.points_per_batch": points})
    smaller = with_halved_batches(config, times)
    assert batch_sizes(smaller) == {
        "features.batch_size": max(1, features // 2**times),
        "proposals.points_per_batch": max(1, points // 2**times),
    }
    assert with_halved_batches(smaller, 14) == with_halved_batches(CONFIG, 14)
    assert (smaller == config) == (times == 0 or features == points == 1)


def test_described_names_the_settings() -> None:
    sizes = {"features.batch_size": 3, "proposals.points_per_batch": 5}
    assert described(replace(CONFIG, sizes)) == "features.batch_size 3, proposals.points_per_batch 5"
