from __future__ import annotations

import json
import pickle
from functools import partial

import numpy as np
import pytest

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.evaluation.datasets.tabletop import TabletopDataset, of_people
from hybridgl_ros.evaluation.samples import Subset, geometry_of
from hybridgl_ros.tabletop import people
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
    with pytest.raises(DatasetError, match="ships the splits heldout and validation, not 'val'"):
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


def line(**changes: object) -> str:
    """A line of people's expressions for the small set."""
    entry = {
        "scene": "s.1",
        "text": "the two on the left",
        "kind": "plural",
        "instances": [1, 3],
        "program": [["cube"], ["at", "left"]],
        "writer": "A",
    }
    return json.dumps(entry | changes) + "\n"


@pytest.fixture
def asked(tabletop_zip, tmp_path):
    """asked(lines) → the small set with these expressions."""

    def ask(*lines: str) -> TabletopDataset:
        file = tmp_path / "people.jsonl"
        file.write_text("".join(lines), encoding="utf-8")
        return TabletopDataset(tabletop_zip, "val", partial(of_people, file=file))

    return ask


def test_several_instances_are_one_mask(asked):
    dataset = asked(
        line(),
        line(scene="s.0", text="the big one", kind="superlative", instances=[2]),
        line(text="the ball", kind="absent", instances=[], program=[["ball"]]),
        line(text="the cube left of the ball", kind="absent", instances=[], program=[["cube"], ["at", "top"]]),
    )
    both, wrong, false, single = dataset.samples
    assert np.array_equal(dataset.mask(both), np.isin(dataset.scene("s.1").instances, [1, 3]))
    assert (both.tags, both.has_target) == (("plural",), True)
    assert (wrong.tags, wrong.has_target) == (("absent", "wrong noun"), False)
    assert false.tags == ("absent", "one clause false")
    assert not dataset.mask(false).any()
    assert int(dataset.mask(single).sum()) == 640
    assert [sample.image_id for sample in dataset.samples] == ["s.1", "s.1", "s.1", "s.0"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scene": "s.9"}, r"holds no scene s\.9"),
        ({"instances": [1, 7]}, "scene s.1 has no instance 7: 'the two on the left'"),
        ({"kind": "absent", "instances": [], "program": [["glorp"]]}, "no word 'glorp'"),
        ({"instances": "1"}, "people.jsonl, line 1: instances is no list"),
    ],
)
def test_people_who_wrote_for_other_scenes_are_told(asked, changes, message):
    with pytest.raises(DatasetError, match=message):
        asked(line(**changes))


def test_expressions_choose_what_is_asked(tabletop_zip, tmp_path, monkeypatch):
    file = tmp_path / "people.jsonl"
    file.write_text(line(), encoding="utf-8")
    monkeypatch.setattr(people, "people_path", lambda: file)
    templates = open_dataset("tabletop", root=tabletop_zip)
    assert open_dataset("tabletop", root=tabletop_zip, expressions="templates").samples == templates.samples
    more = open_dataset("tabletop", root=tabletop_zip, expressions="more")
    assert more.split == "heldout" and more.samples
    assert not {sample.expression for sample in more.samples} & {sample.expression for sample in templates.samples}
    written = open_dataset("tabletop", root=tabletop_zip, expressions="people")
    assert (written.split, [sample.expression for sample in written.samples]) == ("validation", ["the two on the left"])
    with pytest.raises(DatasetError, match="no expressions 'poems'; there are templates, more, people"):
        open_dataset("tabletop", root=tabletop_zip, expressions="poems")


def test_depth_and_intrinsics_come_with_the_image(tabletop):
    geometry = geometry_of(Subset(tabletop, tabletop.samples[:1]), "s.0")
    assert geometry.depth.dtype == np.float32 and geometry.depth.shape == tabletop.image("s.0").shape[:2]
    assert np.isnan(geometry.depth[:3]).all() and np.isfinite(geometry.depth[3:]).all()
    assert geometry.intrinsics.shape == (3, 3)
