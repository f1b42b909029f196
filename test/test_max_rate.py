"""The search for the highest camera rate."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SEARCH = Path(__file__).resolve().parents[1] / "benchmarks" / "max_rate" / "search.py"


@pytest.fixture(scope="module")
def search():
    spec = importlib.util.spec_from_file_location("max_rate_search", SEARCH)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("takes", [12.0, 130.0, 777.0])
def test_it_finds_the_rate_that_a_node_takes(search, takes: float) -> None:
    def run(rate: float):
        frames = 1000
        return search.Trial(rate, frames, frames if rate <= takes else frames // 2, (frames - 1) / rate)

    best, above = search.highest(run, 1.0, 1000.0, 0.01)
    assert takes * 0.97 <= best.rate <= takes
    assert not above.good and not above.sender_limited


def test_a_camera_that_is_too_slow_is_told_from_a_node_that_loses(search) -> None:
    def run(rate: float):
        return search.Trial(rate, 100, 100, 99 / min(rate, 50.0))

    best, above = search.highest(run, 1.0, 1000.0, 0.01)
    assert best.rate == pytest.approx(50, rel=0.06) and above.sender_limited


def test_when_none_is_lost_the_first_rate_is_the_answer_and_when_all_are_there_is_none(search) -> None:
    good, _ = search.highest(lambda rate: search.Trial(rate, 100, 96, 99 / rate), 1.0, 60.0, 0.05)
    assert good.wanted == 60.0
    none, above = search.highest(lambda rate: search.Trial(rate, 100, 95, 99 / rate), 1.0, 60.0, 0.05)
    assert none is None and above.lost == pytest.approx(0.05)
