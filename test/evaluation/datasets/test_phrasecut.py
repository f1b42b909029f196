"""VGPhraseCut files in the true layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.evaluation.datasets.segmentations import draw_polygons

SIZES = {2405722: (40, 60), 107899: (30, 30)}


def corners(x: int, y: int, width: int, height: int) -> list[list[float]]:
    return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]


def task(number: int, image: int, phrase: str, polygons: list, kind: str) -> dict[str, object]:
    return {
        "task_id": f"{image}__{number}",
        "image_id": image,
        "ann_ids": list(range(len(polygons))),
        "instance_boxes": [[0, 0, 5, 5]] * len(polygons),
        "Polygons": polygons,
        "phrase": phrase,
        "phrase_structure": {
            "name": phrase.split()[-1],
            "attributes": [],
            "relation_ids": [],
            "relation_descriptions": [],
            "type": kind,
        },
    }


TASKS = [
    # Two instances, the second one in two parts.
    task(1, 2405722, "wheels", [[corners(2, 2, 8, 8)], [corners(20, 5, 4, 6), corners(30, 5, 4, 6)]], "name"),
    task(1, 107899, "red car", [[corners(0, 0, 30, 3)]], "attribute"),
    # A polygon of two points is a line.
    task(2, 2405722, "man on horse", [[corners(40, 20, 10, 10), [[1, 1], [3, 3]]]], "relation"),
]


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "refer_test.json").write_text(json.dumps(TASKS))
    (tmp_path / "refer_miniv.json").write_text("[]")
    data = [
        {"image_id": image, "coco_id": None, "flickr_id": 1, "height": height, "width": width, "split": "test"}
        for image, (height, width) in SIZES.items()
    ]
    (tmp_path / "image_data_split.json").write_text(json.dumps(data))
    (tmp_path / "images").mkdir()
    for image, (height, width) in SIZES.items():
        Image.new("RGB", (width, height), (200, 10, 10)).save(tmp_path / "images" / f"{image}.jpg")
    return tmp_path


def test_samples_of_one_image_stand_together(root):
    dataset = open_dataset("phrasecut", "test", root)
    assert [(sample.id, sample.image_id, sample.expression, sample.tags) for sample in dataset.samples] == [
        ("2405722__1", "2405722", "wheels", ("name",)),
        ("2405722__2", "2405722", "man on horse", ("relation",)),
        ("107899__1", "107899", "red car", ("attribute",)),
    ]


def test_all_instances_and_their_parts_are_united(root):
    dataset = open_dataset("phrasecut", "test", root)
    wheels, horse, car = (dataset.mask(sample) for sample in dataset.samples)
    expected = np.zeros((40, 60), bool)
    expected[2:11, 2:11] = expected[5:12, 20:25] = expected[5:12, 30:35] = True
    assert np.array_equal(wheels, expected)
    # The outline belongs to the area.
    assert horse.sum() == 11 * 11 + 3
    assert horse[[1, 2, 3], [1, 2, 3]].all()
    assert car.shape == (30, 30)
    assert np.array_equal(np.unique(np.nonzero(car)[0]), [0, 1, 2, 3])


def published_mask(polygons: list[list[list[float]]], width: int, height: int) -> np.ndarray:
    """polygons_to_mask of the data set's own code and of HybridGL's, which are the same."""
    mask = np.zeros((height, width))
    for polygon in polygons:
        if len(polygon) < 2:
            continue
        image = Image.new("L", (width, height), 0)
        ImageDraw.Draw(image).polygon([(int(x), int(y)) for x, y in polygon], outline=1, fill=1)
        mask += np.array(image)
    return mask > 0


COORDINATES = st.floats(-20, 80).map(lambda value: round(value, 2))


@given(st.lists(st.lists(st.tuples(COORDINATES, COORDINATES), max_size=7), max_size=4))
def test_the_truth_is_drawn_as_the_data_set_draws_it(polygons):
    flat = [[value for point in polygon for value in point] for polygon in polygons]
    assert np.array_equal(draw_polygons(flat, (40, 60), "x"), published_mask(polygons, 60, 40))


def test_a_picture_of_another_size_is_resized_and_that_is_said(root, caplog):
    Image.new("RGB", (30, 20), (200, 10, 10)).save(root / "images" / "2405722.jpg")
    dataset = open_dataset("phrasecut", "test", root)
    assert dataset.image("2405722").shape == (40, 60, 3)
    assert "2405722.jpg is 30×20, its annotations are for 60×40; it is resized" in caplog.text


def test_pictures_are_found_in_the_two_folders_of_visual_genome(root):
    for base in (root, root / "images", root / "elsewhere"):
        for folder, image in (("VG_100K", 2405722), ("VG_100K_2", 107899)):
            (base / folder).mkdir(parents=True)
            (root / "images" / f"{image}.jpg").rename(base / folder / f"{image}.jpg")
        options = {"images": base} if base.name == "elsewhere" else {}
        dataset = open_dataset("phrasecut", "test", root, **options)
        assert [dataset.image(image).shape[:2] for image in ("2405722", "107899")] == [(40, 60), (30, 30)]
        assert [file.parent for sample in dataset.samples for file in dataset.files(sample)] == [
            base / "VG_100K",
            base / "VG_100K",
            base / "VG_100K_2",
        ]
        for file in base.glob("VG_100K*/*.jpg"):
            file.rename(root / "images" / file.name)


def test_pictures_are_found_by_their_number(root):
    dataset = open_dataset("phrasecut", None, root)
    assert dataset.image("2405722").shape == (40, 60, 3)
    (root / "images").rename(root / "VG_100K")
    with pytest.raises(DatasetError, match=r"refer_test.json image 107899: image .*107899.jpg is missing"):
        dataset.image("107899")
    assert open_dataset("phrasecut", "test", root, images=root / "VG_100K").image("107899").any()


def test_the_metadata_of_the_first_release_has_another_name(root):
    (root / "image_data_split.json").rename(root / "image_data_split3000.json")
    assert len(open_dataset("phrasecut", "test", root).samples) == 3


def test_a_wrong_split_is_answered_with_those_there_are(root):
    with pytest.raises(DatasetError, match="no such split 'val'; there are miniv, test"):
        open_dataset("phrasecut", "val", root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phrase": " "}, "task 2405722__1: an empty expression"),
        ({"phrase": None}, "task 2405722__1: None is not a text"),
        ({"phrase_structure": ["name"]}, "task number 0 is damaged"),
        ({"phrase_structure": {"type": 5}}, "task 2405722__1: 5 is not a text"),
        ({"Polygons": [[[1, 2, 3]]]}, "task number 0 is damaged"),
        ({"task_id": "2405722__2"}, "task 2405722__2 is there twice"),
        ({"image_id": 5}, "image_data_split.json: image 5 is missing"),
    ],
)
def test_a_damaged_task_is_named(root, change, message):
    (root / "refer_test.json").write_text(json.dumps([TASKS[0] | change, *TASKS[1:]]))
    with pytest.raises(DatasetError, match=message):
        open_dataset("phrasecut", "test", root)


def test_a_split_without_a_phrase_is_no_data_set(root):
    with pytest.raises(DatasetError, match=r"refer_miniv.json: holds no expression"):
        open_dataset("phrasecut", "miniv", root)


def test_a_truncated_file_is_named(root):
    text = (root / "refer_test.json").read_text()
    (root / "refer_test.json").write_text(text[:-20])
    with pytest.raises(DatasetError, match=r"refer_test.json: cannot be read"):
        open_dataset("phrasecut", "test", root)


def test_a_missing_size_file_is_named(root):
    (root / "image_data_split.json").unlink()
    with pytest.raises(DatasetError, match=r"image_data_split.json.* is missing"):
        open_dataset("phrasecut", "test", root)
