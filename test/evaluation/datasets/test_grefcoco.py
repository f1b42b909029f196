"""gRefCOCO in its true layout: no target, one, several."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets import open_dataset

HEIGHT, WIDTH = 40, 60
IMAGE = 98304


def box(x: int, y: int, width: int, height: int) -> list[float]:
    return [float(v) for v in (x, y, x + width, y, x + width, y + height, x, y + height)]


def ref(number: int, annotations: object, text: str, split: str = "val") -> dict[str, object]:
    return {
        "image_id": IMAGE,
        "split": split,
        "sentences": [{"tokens": text.split(), "raw": text.upper(), "sent": text, "sent_id": number * 10}],
        "file_name": f"COCO_train2014_{IMAGE:012d}.jpg",
        "category_id": [1],
        "ann_id": annotations,
        "sent_ids": [number * 10],
        "ref_id": number,
        "no_target": annotations == [-1],
    }


REFS = [
    ref(1, [11], "the left one"),
    ref(2, [11, 12], "both boxes"),
    ref(3, [-1], "the elephant"),
    ref(4, [11, 13], "the box and the crowd"),
    ref(5, 12, "her", "testA"),
]


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "grefcoco").mkdir()
    write(tmp_path, REFS)
    annotations = [
        {"id": 11, "iscrowd": 0, "segmentation": [box(2, 3, 10, 6), box(8, 5, 10, 9)]},
        {"id": 12, "iscrowd": 0, "segmentation": [box(30, 20, 8, 8)]},
        {"id": 13, "iscrowd": 1, "segmentation": {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT * WIDTH]}},
    ]
    content = {
        "images": [{"id": IMAGE, "file_name": f"COCO_train2014_{IMAGE:012d}.jpg", "height": HEIGHT, "width": WIDTH}],
        "annotations": [{**entry, "image_id": IMAGE, "category_id": 1} for entry in annotations],
        "categories": [{"id": 1, "name": "box"}],
    }
    (tmp_path / "grefcoco/instances.json").write_text(json.dumps(content))
    (tmp_path / "images/train2014").mkdir(parents=True)
    Image.new("RGB", (WIDTH, HEIGHT), (9, 99, 199)).save(tmp_path / f"images/train2014/COCO_train2014_{IMAGE:012d}.jpg")
    return tmp_path


def write(root: Path, refs: object) -> None:
    (root / "grefcoco/grefs(unc).json").write_text(json.dumps(refs))


def test_none_one_and_several(root):
    dataset = open_dataset("grefcoco", root=root)
    assert (dataset.name, dataset.split) == ("grefcoco", "val")
    assert [(s.id, s.expression, s.tags, s.has_target) for s in dataset.samples] == [
        ("ref1-sent10", "THE LEFT ONE", (), True),
        ("ref2-sent20", "BOTH BOXES", ("plural",), True),
        ("ref3-sent30", "THE ELEPHANT", (), False),
        ("ref4-sent40", "THE BOX AND THE CROWD", ("plural",), True),
    ]
    one, both, none, with_crowd = (dataset.mask(sample) for sample in dataset.samples)
    wanted = np.zeros((HEIGHT, WIDTH), bool)
    wanted[3:9, 2:12] = wanted[5:14, 8:18] = True
    assert np.array_equal(one, wanted)
    # Crowds are left out, as in the authors' loader.
    assert np.array_equal(with_crowd, wanted)
    wanted[20:28, 30:38] = True
    assert np.array_equal(both, wanted) and not none.any()
    assert dataset.image(str(IMAGE)).shape == (HEIGHT, WIDTH, 3)
    assert not dataset.tells_kinds


def test_a_single_number_and_the_other_split(root):
    (sample,) = open_dataset("grefcoco", "testA", root).samples
    assert sample.expression == "HER" and sample.has_target
    with pytest.raises(DatasetError, match=r"grefs\(unc\).json: no split 'train'; there are testA"):
        open_dataset("grefcoco", "train", root)


def test_pictures_may_lie_where_refcoco_has_them(root):
    (root / "images/mscoco/images").mkdir(parents=True)
    (root / "images/train2014").rename(root / "images/mscoco/images/train2014")
    assert open_dataset("grefcoco", root=root).image(str(IMAGE)).any()


@pytest.mark.parametrize(
    ("refs", "message"),
    [
        ({}, "holds a dict, not a list of refs"),
        ([ref(1, ["11"], "a")], r"ref 1: ann_id is \['11'\]"),
        ([ref(1, [11, -1], "a")], r"ref 1: ann_id is \[11, -1\]"),
        ([ref(1, "x", "a")], "ref number 0: ann_id is 'x'"),
        ([ref(1, [99], "a")], "annotation 99 of ref 1 is missing"),
        ([{**ref(1, [11], "a"), "sentences": [{}]}], "a sentence of ref 1 lacks"),
    ],
)
def test_damaged_refs_are_named(root, refs, message):
    write(root, refs)
    with pytest.raises(DatasetError, match=message):
        open_dataset("grefcoco", root=root)


def test_a_missing_or_broken_file_is_named(root):
    (root / "grefcoco/grefs(unc).json").write_text("{")
    with pytest.raises(DatasetError, match=r"grefs\(unc\).json: cannot be read"):
        open_dataset("grefcoco", root=root)
    (root / "grefcoco/grefs(unc).json").unlink()
    with pytest.raises(DatasetError, match=r"grefs\(unc\).json: no such file"):
        open_dataset("grefcoco", root=root)
