"""Words and answers calibrated on a small set, with fixed proposals and a CLIP that sees colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fake_evaluation import FixedBoxes, parser_of, random_encoder

from hybridgl_ros.config import load_config, replace
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.calibrate import Labelled, calibrate, share_inside
from hybridgl_ros.evaluation.datasets.tabletop import TabletopDataset
from hybridgl_ros.segmenter import ReferringSegmenter


@pytest.fixture
def segmenter() -> ReferringSegmenter:
    return ReferringSegmenter(load_config("embedded"), FixedBoxes(), random_encoder(), parser_of("paper"))


def test_settings_come_out_and_are_settings(segmenter, tabletop_zip, tmp_path):
    dataset = TabletopDataset(tabletop_zip)
    found = calibrate(segmenter, Labelled({"templates": dataset}), tmp_path, 0.95)
    config = replace(segmenter.config, found.settings)
    assert config.decision.calibrated
    assert found.answers == len(dataset.samples)
    assert found.phrases > 0
    assert sum(found.apart["all"].curve.counts) == found.apart["all"].answers == 4
    assert set(found.apart) == {"templates", "swapped landmarks", "all"}


def test_images_are_encoded_once_for_all_sets(segmenter, tabletop_zip, tmp_path):
    sets = {"one": TabletopDataset(tabletop_zip), "two": TabletopDataset(tabletop_zip)}
    found = calibrate(segmenter, Labelled(sets), tmp_path, 0.95)
    assert segmenter.generator.calls == 3
    assert found.answers == 24
    assert found.apart["one"].answers == found.apart["two"].answers


def test_a_set_with_nothing_absent_or_wrong_is_too_little(segmenter, tabletop_zip, tmp_path):
    with pytest.raises(ConfigError, match="too little to calibrate on"):
        calibrate(segmenter, Labelled({"templates": TabletopDataset(tabletop_zip)}, limit=0), tmp_path, 0.95)


def test_only_queries_have_probabilities(segmenter, tabletop_zip, tmp_path):
    paper = segmenter.with_config(replace(segmenter.config, {"scoring.method": "fusion"}))
    with pytest.raises(ConfigError, match="preset robot"):
        calibrate(paper, Labelled({"templates": TabletopDataset(tabletop_zip)}), tmp_path, 0.95)


def test_shares_inside():
    masks = torch.zeros(2, 4, 4, dtype=torch.bool).numpy()
    masks[0, :2] = True
    truth = np.zeros((4, 4), bool)
    truth[:, :1] = True
    assert share_inside(masks, truth).tolist() == [0.25, 0]
