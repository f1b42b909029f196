"""OCID-Ref in its true layout: expressions as JSON by split, objects by their number in label pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.evaluation.samples import geometry_of

SEQUENCE = "ARID20/table/top/seq05"
SCENE = f"{SEQUENCE}/rgb/result_2018-08-24.png"


def record(**changes: object) -> dict[str, object]:
    return {
        "seq_id": 1, "scene_id": 2, "take_id": 12, "scene_path": SCENE, "sequence_path": SEQUENCE,
        "sub_dataset": "ARID20", "instance_id": 40, "scene_instance_id": 3, "class": "bowl", "class_instance": "bowl_1",
        "sentence": "The bowl behind the box.", "tokens": [], "bbox": "[5, 5, 10, 10]", "sentence_type": "spatial",
        **changes,
    }  # fmt: skip


def write(root: Path, records: object, split: str = "test") -> None:
    (root / f"{split}_expressions.json").write_text(json.dumps(records))


@pytest.fixture
def root(tmp_path) -> Path:
    write(tmp_path, {"17": record(), "18": record(scene_instance_id="4", sentence="The box.", take_id=2)})
    folder = tmp_path / "OCID-dataset" / SEQUENCE
    for part in ("rgb", "label", "depth"):
        (folder / part).mkdir(parents=True)
    labels = np.ones((48, 64), np.uint8)
    labels[5:15, 5:15], labels[20:30, 5:10] = 3, 4
    depth = np.full((48, 64), 850, np.uint16)
    depth[0] = 0
    for part, pixels in (("label", labels), ("depth", depth), ("rgb", np.zeros((48, 64, 3), np.uint8))):
        Image.fromarray(pixels).save(folder / part / Path(SCENE).name)
    return tmp_path


def test_expressions_masks_and_depth(root):
    dataset = open_dataset("ocid-ref", root=root)
    assert [(s.id, s.image_id, s.expression, s.tags) for s in dataset.samples] == [
        ("17", SCENE, "The bowl behind the box.", ("ARID20", "touching")),
        ("18", SCENE, "The box.", ("ARID20", "free")),
    ]
    assert [int(dataset.mask(sample).sum()) for sample in dataset.samples] == [100, 50]
    assert dataset.image(SCENE).shape == (48, 64, 3)
    geometry = geometry_of(dataset, SCENE)
    assert np.isnan(geometry.depth[0]).all() and geometry.depth[1, 1] == pytest.approx(0.85)
    assert geometry.intrinsics[0, 0] > 0


def test_the_name_of_the_authors_description_and_another_folder(root, tmp_path):
    one = record(scene_instance=4)
    del one["scene_instance_id"]
    write(root, {"1": one}, "val")
    (root / "OCID-dataset").rename(tmp_path / "ocid")
    dataset = open_dataset("ocid-ref", "val", root, images=tmp_path / "ocid")
    assert dataset.mask(dataset.samples[0]).sum() == 50
    (tmp_path / "ocid" / SCENE.replace("rgb", "depth")).unlink()
    assert geometry_of(dataset, SCENE) is None


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "holds a list, not expressions by id"),
        ({}, "holds no expression"),
        ({"1": {"sentence": "a"}}, "1: wants scene_path and sentence"),
        ({"1": record(scene_instance_id=None)}, "1: scene_instance_id is None"),
        ({"1": record(scene_path="a/b.png")}, "1: scene_path a/b.png is in no folder rgb"),
        ({"1": record(sentence=" ")}, "1: an empty expression"),
    ],
)
def test_damaged_files_are_named(root, records, message):
    write(root, records)
    with pytest.raises(DatasetError, match=message):
        open_dataset("ocid-ref", root=root)


def test_an_object_that_is_not_in_its_label_is_named(root):
    write(root, {"1": record(scene_instance_id=9)})
    dataset = open_dataset("ocid-ref", root=root)
    with pytest.raises(DatasetError, match="1: no pixel of object 9 in the label, only of 1, 3, 4"):
        dataset.mask(dataset.samples[0])


def test_a_missing_split_names_those_there_are(root):
    with pytest.raises(DatasetError, match=r"train_expressions.json: no such file; there are test_expressions.json"):
        open_dataset("ocid-ref", "train", root)
