from __future__ import annotations

import pickle

import numpy as np
import pytest

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.tabletop.dataset import TabletopSet, TabletopWriter


def test_every_expression_is_a_sample(tabletop):
    assert len(tabletop.samples) == 12
    first, second, third, fourth = tabletop.samples[:4]
    assert (first.id, first.image_id, first.expression, first.tags) == (
        "s.0-0", "s.0", "the red cube", ("plain",),
    )  # fmt: skip
    assert second.tags == ("relation", "left")
    assert (first.has_target, fourth.has_target) == (True, False)
    assert third.expression == "The big cube"


def test_masks_are_the_visible_pixels(tabletop):
    masks = [tabletop.mask(sample) for sample in tabletop.samples[:4]]
    assert [int(mask.sum()) for mask in masks] == [256, 256, 640, 0]
    assert {mask.shape for mask in masks} == {(48, 64)}
    assert tabletop.image("s.1").dtype == np.uint8


def test_a_worker_reads_for_itself(tabletop):
    expected = tabletop.image("s.2")
    again = pickle.loads(pickle.dumps(tabletop))
    assert np.array_equal(again.image("s.2"), expected)
    assert again.samples == tabletop.samples


def test_root_is_a_zip_or_a_folder(tabletop_zip):
    assert len(open_dataset("tabletop", root=tabletop_zip).samples) == 12
    assert len(open_dataset("tabletop", "val", root=tabletop_zip.parent).samples) == 12
    assert open_dataset("tabletop", "small", root=tabletop_zip.parent).split == "small"


def test_without_a_root_there_is_the_shipped_split_only():
    with pytest.raises(DatasetError, match="ships the split heldout only, not 'val'"):
        open_dataset("tabletop", "val")


def test_a_missing_or_truncated_set_is_named(tabletop_zip, tmp_path):
    with pytest.raises(DatasetError, match="none.zip"):
        open_dataset("tabletop", root=tmp_path / "none.zip")
    half = tmp_path / "half.zip"
    half.write_bytes(tabletop_zip.read_bytes()[:2000])
    with pytest.raises(DatasetError, match=r"half.zip: truncated"):
        open_dataset("tabletop", root=half)


def test_a_scene_that_is_there_twice_is_refused(tabletop_zip, tmp_path):
    for shard in ("a.zip", "b.zip"):
        with TabletopWriter(tmp_path / shard, seed=0, split="val", width=64, height=48) as writer:
            writer.add(TabletopSet(tabletop_zip)[0])
    with pytest.raises(DatasetError, match=r"scene s\.0 is there twice"):
        open_dataset("tabletop", "val", root=tmp_path)


def test_the_shipped_set_is_large_enough_to_measure_with():
    dataset = open_dataset("tabletop")
    assert (dataset.name, dataset.split) == ("tabletop", "heldout")
    assert len(dataset.samples) >= 500
    for sample in dataset.samples[:20]:
        assert dataset.mask(sample).any() == sample.has_target
