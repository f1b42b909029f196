from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.evaluation.datasets.jsonl import write_jsonl


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two pictures and a mask of the first."""
    for name, size in (("kitchen.jpg", (60, 40)), ("hall.png", (20, 30))):
        Image.new("RGB", size, (9, 99, 199)).save(tmp_path / name)
    mask = np.zeros((40, 60), np.uint8)
    mask[5:9, 10:30] = 1
    Image.fromarray(mask).save(tmp_path / "mug.png")
    return tmp_path


def lines(folder: Path, *records: dict | str) -> Path:
    path = folder / "mine.jsonl"
    texts = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(texts) + "\n")
    return path


MUG = {"image": "kitchen.jpg", "expression": "the mug", "mask": "mug.png"}


def test_pictures_rle_and_no_target(folder):
    rle = {"size": [40, 60], "counts": [0, 40, 2360]}
    path = lines(
        folder,
        MUG | {"tags": ["relation"], "id": "k-1"},
        {"image": "hall.png", "expression": "die Tür", "mask": None},
        "",
        MUG | {"mask": rle},
    )
    dataset = open_dataset("jsonl", root=path)
    assert [(s.id, s.image_id, s.expression, s.tags, s.has_target) for s in dataset.samples] == [
        ("k-1", "kitchen.jpg", "the mug", ("relation",), True),
        ("4", "kitchen.jpg", "the mug", (), True),
        ("2", "hall.png", "die Tür", (), False),
    ]
    mug, column, nothing = (dataset.mask(sample) for sample in dataset.samples)
    assert mug.sum() == 80
    assert mug[5:9, 10:30].all()
    assert column.sum() == 40
    assert column[:, 0].all()
    assert nothing.shape == (30, 20)
    assert not nothing.any()
    assert dataset.image("hall.png").tolist()[0][0] == [9, 99, 199]


def test_a_palette_mask_counts_by_its_index(folder):
    values = np.zeros((40, 60), np.uint8)
    values[:2] = 7
    palette = Image.fromarray(values).convert("P")
    palette.putpalette([0] * 768)
    palette.save(folder / "palette.png")
    dataset = open_dataset("jsonl", root=lines(folder, MUG | {"mask": "palette.png"}))
    assert dataset.mask(dataset.samples[0]).sum() == 120


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "wants image, expression and mask"),
        ({"image": "kitchen.jpg", "mask": None}, "wants image, expression and mask"),
        (MUG | {"label": 1}, "wants image, expression and mask"),
        (MUG | {"expression": "  "}, "an empty expression"),
        (MUG | {"expression": 5}, "5 is not a text"),
        ('{"image": "kitchen.jpg", "mask": null, "expression": "\\ud800"}', "is not valid Unicode"),
        (MUG | {"tags": [1]}, "1 is not a text"),
        ("[" * 100_000, "not JSON"),
        (MUG | {"image": "a" * 5000}, "image 'a+' cannot be a file"),
        (MUG | {"image": "a\0b"}, r"image 'a\\x00b' cannot be a file"),
        (MUG | {"mask": ""}, "mask '' cannot be a file"),
        (MUG | {"mask": 5}, "neither a path nor an RLE"),
        (MUG | {"tags": "a"}, "tags is not a list"),
        (MUG | {"id": "1"}, "id 1 is there twice"),
    ],
)
def test_a_bad_line_is_named(folder, record, message):
    path = lines(folder, MUG, record)
    with pytest.raises(DatasetError, match=rf"mine.jsonl, line 2: .*{message}"):
        open_dataset("jsonl", root=path)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ("hall.png", "hall.png is 20×30, its image 60×40"),
        ({"size": [30, 20], "counts": [600]}, "mask is 20×30, its image 60×40"),
        ({"size": [40, 60]}, "neither polygons nor an RLE"),
    ],
)
def test_a_mask_that_does_not_fit_its_image_is_named(folder, mask, message):
    dataset = open_dataset("jsonl", root=lines(folder, MUG | {"mask": mask}))
    with pytest.raises(DatasetError, match=rf"mine.jsonl, line 1: .*{message}"):
        dataset.mask(dataset.samples[0])


def blue(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.dstack([0 * values, 0 * values, values]))


def opaque(picture: Image.Image) -> Image.Image:
    picture.putalpha(255)
    return picture


@pytest.mark.parametrize(
    "draw",
    [
        Image.fromarray,
        blue,
        lambda values: opaque(blue(values)),
        lambda values: opaque(Image.fromarray(values)),
        lambda values: Image.fromarray(values > 0),
        lambda values: Image.fromarray(values.astype(np.uint16)),
        lambda values: Image.fromarray(values.astype(np.int32)),
        lambda values: Image.fromarray(values.astype(np.float32) / 6),
    ],
    ids=["L", "RGB", "RGBA", "LA", "1", "I;16", "I", "F"],
)
def test_masks_of_every_kind_of_picture(folder, draw):
    values = np.zeros((40, 60), np.uint8)
    values[5:9, 10:30] = 3
    draw(values).save(folder / "kind.tiff")
    dataset = open_dataset("jsonl", root=lines(folder, MUG | {"mask": "kind.tiff"}))
    assert np.array_equal(dataset.mask(dataset.samples[0]), values > 0)


@pytest.mark.parametrize("mask", ["nothing.png", {"size": [40, 60], "counts": [2400]}])
def test_nothing_meant_is_said_by_null_only(folder, mask):
    Image.new("L", (60, 40)).save(folder / "nothing.png")
    dataset = open_dataset("jsonl", root=lines(folder, MUG | {"mask": mask}))
    with pytest.raises(DatasetError, match=r"mine.jsonl, line 1: the mask is empty; write null"):
        dataset.mask(dataset.samples[0])


def test_a_picture_too_large_to_be_one_is_named(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    dataset = open_dataset("jsonl", root=lines(folder, MUG))
    with pytest.raises(DatasetError, match=r"kitchen.jpg cannot be read \(.*decompression bomb"):
        dataset.image("kitchen.jpg")
    with pytest.raises(DatasetError, match=r"kitchen.jpg cannot be read"):
        dataset.mask(dataset.samples[0])


def test_a_line_ends_where_json_lines_end(folder):
    path = folder / "mine.jsonl"
    text = json.dumps(MUG | {"expression": "the\u2028mug\x85"}, ensure_ascii=False)
    path.write_bytes(f"{text}\r\n{json.dumps(MUG)}\n".encode())
    assert [sample.expression for sample in open_dataset("jsonl", root=path).samples] == ["the\u2028mug\x85", "the mug"]


def test_a_damaged_picture_is_named(folder):
    (folder / "kitchen.jpg").write_bytes((folder / "kitchen.jpg").read_bytes()[:300])
    dataset = open_dataset("jsonl", root=lines(folder, MUG))
    with pytest.raises(DatasetError, match=r"mine.jsonl: image .*kitchen.jpg cannot be read"):
        dataset.image("kitchen.jpg")


def test_a_missing_or_empty_file_is_named(folder):
    with pytest.raises(DatasetError, match=r"none.jsonl: cannot be read"):
        open_dataset("jsonl", root=folder / "none.jsonl")
    with pytest.raises(DatasetError, match=r"mine.jsonl: holds no expression"):
        open_dataset("jsonl", root=lines(folder, ""))


@pytest.mark.parametrize("masks", ["rle", "png"])
def test_what_is_written_is_read_back_exactly(tabletop, tmp_path, masks):
    path = tmp_path / "set" / "samples.jsonl"
    assert write_jsonl(tabletop, path, masks=masks) == len(tabletop.samples)
    dataset = open_dataset("jsonl", root=path)
    for sample, original in zip(dataset.samples, tabletop.samples, strict=True):
        assert (sample.id, sample.expression) == (original.id, original.expression)
        assert (sample.tags, sample.has_target) == (original.tags, original.has_target)
        assert np.array_equal(dataset.image(sample.image_id), tabletop.image(original.image_id))
        assert np.array_equal(dataset.mask(sample), tabletop.mask(original))


def test_masks_of_another_kind_are_refused(tabletop, tmp_path):
    with pytest.raises(DatasetError, match="not 'bmp'"):
        write_jsonl(tabletop, tmp_path / "samples.jsonl", masks="bmp")


CAMERA = [500.0, 510.0, 29.5, 19.5]


@pytest.mark.parametrize(
    ("name", "values", "scale", "wanted"),
    [
        ("d.png", np.full((40, 60), 1500, np.uint16), None, 1.5),
        ("d.png", np.full((40, 60), 15, np.uint16), 0.1, 1.5),
        ("d.tiff", np.full((40, 60), 1.5, np.float32), None, 1.5),
        ("d.npy", np.full((40, 60), 1.5), None, 1.5),
        ("d.npy", np.full((40, 60), 150, np.int32), 0.01, 1.5),
    ],
)
def test_depth_of_every_kind_is_in_metres(folder, name, values, scale, wanted):
    values[0] = 0
    if name.endswith("npy"):
        np.save(folder / name, values)
    else:
        Image.fromarray(values).save(folder / name)
    record = MUG | {"depth": name, "intrinsics": CAMERA} | ({"depth_scale": scale} if scale else {})
    dataset = open_dataset("jsonl", root=lines(folder, record, record))
    geometry = dataset.geometry("kitchen.jpg")
    assert geometry.depth.dtype == np.float32 and geometry.depth[1:] == pytest.approx(wanted)
    assert np.isnan(geometry.depth[0]).all()
    assert geometry.intrinsics.tolist() == [[500, 0, 29.5], [0, 510, 19.5], [0, 0, 1]]
    assert folder / name in dataset.files(dataset.samples[0])


def test_pictures_without_depth_have_none(folder):
    assert open_dataset("jsonl", root=lines(folder, MUG)).geometry("kitchen.jpg") is None


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([MUG | {"depth": "d.png"}], "line 1: depth and intrinsics go together"),
        ([MUG | {"intrinsics": CAMERA}], "line 1: depth and intrinsics go together"),
        ([MUG | {"depth_scale": 1}], "line 1: depth and intrinsics go together"),
        ([MUG | {"depth": "d.png", "intrinsics": [1, 2]}], r"line 1: intrinsics are neither \[fx, fy, cx, cy\] nor"),
        ([MUG | {"depth": "d.png", "intrinsics": [0, 1, 2, 3]}], "line 1: intrinsics have no focal length"),
        ([MUG | {"depth": "d.png", "intrinsics": CAMERA, "depth_scale": -1}], "depth_scale is no number above 0"),
        ([MUG | {"depth": "d.png", "intrinsics": CAMERA}, MUG], "line 2: another depth of the picture than line 1"),
    ],
)
def test_what_is_said_of_depth_is_checked(folder, records, message):
    with pytest.raises(DatasetError, match=message):
        open_dataset("jsonl", root=lines(folder, *records))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.png", None, "depth .*gone.png is missing"),
        ("gone.npy", None, "depth .*gone.npy is missing"),
        ("d.npy", b"no array", "depth .*d.npy cannot be read"),
        ("kitchen.jpg", None, "is not one number a pixel"),
        ("mug.png", None, None),
        ("small.png", "small", "small.png is 3×2, its image 60×40"),
    ],
)
def test_damaged_depth_names_its_line(folder, name, content, message):
    if content == "small":
        Image.fromarray(np.ones((2, 3), np.uint16)).save(folder / name)
    elif content:
        (folder / name).write_bytes(content)
    dataset = open_dataset("jsonl", root=lines(folder, MUG | {"depth": name, "intrinsics": CAMERA}))
    if message is None:
        assert np.nanmax(dataset.geometry("kitchen.jpg").depth) == pytest.approx(0.001)
    else:
        with pytest.raises(DatasetError, match=f"line 1: {message}|line 1: .*{message}"):
            dataset.geometry("kitchen.jpg")
