"""SUN-Spot in its true layout: REFER files with ids that are texts, pictures and rotated depth of SUN RGB-D."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.evaluation.samples import geometry_of

SIZE = (30, 40)
SCENE = "kv2/kinect2data/000002_2014"
DEPTH = np.full(SIZE, 1234, np.uint16)
DEPTH[0, 0] = 0


def rotated(values: np.ndarray) -> np.ndarray:
    """As SUN RGB-D stores millimetres: the inverse of its toolbox's reading."""
    return (values << 3) | (values >> 13)


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "sunspot").mkdir()
    refs = [ref("1_a", "7_1", "the lamp behind the bed"), ref("1_b", "7_99", "nothing is annotated here")]
    (tmp_path / "sunspot/refs(boulder).p").write_bytes(pickle.dumps(refs, 2))
    square = [4.0, 4.0, 14.0, 4.0, 14.0, 14.0, 4.0, 14.0]
    content = {
        "images": [{"id": 7, "file_name": f"SUNRGBD/{SCENE}/image/0001.jpg", "height": SIZE[0], "width": SIZE[1]}],
        "annotations": [{"id": "7_1", "image_id": 7, "segmentation": [square], "category_id": 3}],
    }
    (tmp_path / "sunspot/instances.json").write_text(json.dumps(content))
    folder = tmp_path / "images/SUNRGBD" / SCENE
    for part in ("image", "depth_bfx"):
        (folder / part).mkdir(parents=True)
    Image.new("RGB", SIZE[::-1], (9, 9, 9)).save(folder / "image/0001.jpg")
    Image.fromarray(rotated(DEPTH)).save(folder / "depth_bfx/0001.png")
    (folder / "intrinsics.txt").write_text("529.5 0 365.0\n0 529.5 265.0\n0 0 1\n")
    return tmp_path


def ref(number: str, annotation: str, text: str) -> dict[str, object]:
    sentence = {"sent_id": f"7_{number}", "sent": text, "raw": text, "tokens": text.split()}
    return {"ref_id": number, "ann_id": annotation, "image_id": 7, "split": "test", "category_id": 3,
            "file_name": f"{SCENE}/image/0001.jpg", "sentences": [sentence], "sent_ids": [f"7_{number}"]}  # fmt: skip


def test_expressions_masks_and_depth(root, caplog):
    dataset = open_dataset("sunspot", root=root)
    (sample,) = dataset.samples
    assert (sample.id, sample.image_id, sample.expression) == ("ref1_a-sent7_1_a", "7", "the lamp behind the bed")
    assert "1 of 2 refs have no annotation and are left out" in caplog.text
    assert dataset.mask(sample).sum() == 100 and dataset.image("7").shape == (*SIZE, 3)
    geometry = geometry_of(dataset, "7")
    assert geometry.depth[1, 1] == pytest.approx(1.234) and np.isnan(geometry.depth[0, 0])
    assert geometry.intrinsics.tolist() == [[529.5, 0, 365], [0, 529.5, 265], [0, 0, 1]]


def test_a_list_of_depth_files_goes_first_and_folders_may_be_elsewhere(root, tmp_path):
    folder = root / "images/SUNRGBD" / SCENE
    Image.fromarray(rotated(DEPTH + 1000)).save(folder / "other.png")
    (root / "sunspot/depth.json").write_text(json.dumps({"7": f"{SCENE}/other.png"}))
    assert geometry_of(open_dataset("sunspot", root=root), "7").depth[1, 1] == pytest.approx(2.234)
    (root / "images/SUNRGBD").rename(tmp_path / "SUNRGBD")
    dataset = open_dataset("sunspot", root=root, images=tmp_path / "SUNRGBD")
    assert geometry_of(dataset, "7").depth[1, 1] == pytest.approx(2.234)


def test_a_picture_without_depth_has_none(root):
    (root / "images/SUNRGBD" / SCENE / "intrinsics.txt").unlink()
    assert geometry_of(open_dataset("sunspot", root=root), "7") is None


def test_damage_is_named(root):
    folder = root / "images/SUNRGBD" / SCENE
    (folder / "intrinsics.txt").write_text("one two")
    with pytest.raises(DatasetError, match=r"intrinsics.txt: cannot be read as numbers"):
        geometry_of(open_dataset("sunspot", root=root), "7")
    (folder / "intrinsics.txt").write_text("1 0 0 0 1 0 0 0 1")
    Image.fromarray(DEPTH[:5]).save(folder / "depth_bfx/0001.png")
    with pytest.raises(DatasetError, match=r"sunspot image 7: .*0001.png is 40×5, its image 40×30"):
        geometry_of(open_dataset("sunspot", root=root), "7")
    (root / "sunspot/instances.json").write_text("[]")
    with pytest.raises(DatasetError, match="not COCO annotations"):
        open_dataset("sunspot", root=root)
