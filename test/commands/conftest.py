"""Fixtures of the commands' tests."""

import fake_evaluation
import pytest
import small_sets

from hybridgl_ros.segmenter import ReferringSegmenter

tabletop_zip = small_sets.tabletop_zip


@pytest.fixture
def fake_models(monkeypatch) -> None:
    """Fixed proposals and a random CLIP in place of the models that a configuration names."""
    monkeypatch.setattr(ReferringSegmenter, "load", fake_evaluation.loader(fake_evaluation.FixedBoxes()))
