"""REFER files in the true layout: a Python-2 pickle, COCO annotations of every kind, JPEG pictures."""

from __future__ import annotations

import json
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.evaluation.datasets.refer_pickle import load_refs
from hybridgl_ros.evaluation.datasets.refer_writing import write_refer

HEIGHT, WIDTH = 40, 60
PICTURES = "images/mscoco/images/train2014"


class Python2Pickler(pickle._Pickler):
    """Writes str the way Python 2 did, as bytes without an encoding."""

    dispatch = pickle._Pickler.dispatch.copy()

    def save_bytes_of(self, text: str) -> None:
        data = text.encode("latin1")
        self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)
        self.memoize(text)

    dispatch[str] = save_bytes_of


def box_polygon(x: int, y: int, width: int, height: int) -> list[float]:
    return [float(v) for v in (x, y, x + width, y, x + width, y + height, x, y + height)]


def box_mask(x: int, y: int, width: int, height: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + height, x : x + width] = True
    return mask


def plain_rle(mask: np.ndarray) -> dict[str, object]:
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    return {"size": [HEIGHT, WIDTH], "counts": counts if not flat[0] else [0, *counts]}


CROWD = box_mask(0, 0, 9, 5) | box_mask(50, 30, 10, 10)
RLE = box_mask(20, 20, 5, 6)
COMPRESSED = coco.encode(np.asfortranarray(RLE, dtype=np.uint8))
TWO_PARTS = box_mask(2, 3, 10, 6) | box_mask(8, 5, 10, 9)

ANNOTATIONS = {
    # Overlapping polygons of one object, and one too short to cover anything.
    101: ([box_polygon(2, 3, 10, 6), box_polygon(8, 5, 10, 9), [1.0, 1.0, 5.0, 5.0]], 0, 0),
    102: ({"size": [HEIGHT, WIDTH], "counts": COMPRESSED["counts"].decode()}, 0, 0),
    103: (plain_rle(CROWD), 1, 1),
    104: ([box_polygon(30, 10, 4, 4)], 1, 0),
    999: ([box_polygon(0, 0, 1, 1)], 1, 0),
}
MASKS = {101: TWO_PARTS, 102: RLE, 103: CROWD, 104: box_mask(30, 10, 4, 4)}
IMAGE_IDS = (581857, 291)


def ref(number: int, annotation: int, split: str, *sentences: str) -> dict[str, object]:
    image = IMAGE_IDS[ANNOTATIONS[annotation][1]]
    ids = [10 * number + place for place in range(len(sentences))]
    return {
        "ref_id": number,
        "ann_id": annotation,
        "image_id": image,
        "category_id": 1,
        "split": split,
        # REFER appends the annotation to the picture's name: no such file exists.
        "file_name": f"COCO_train2014_{image:012d}_{annotation}.jpg",
        "sent_ids": ids,
        "sentences": [
            {"sent_id": identity, "sent": text.lower(), "raw": text, "tokens": text.lower().split()}
            for identity, text in zip(ids, sentences, strict=True)
        ],
    }


REFS = [
    ref(1, 101, "val", "The man", "guy in a caf\xe9"),
    ref(2, 104, "val", "small box"),
    ref(3, 102, "val", "woman left"),
    ref(4, 103, "testA", "the crowd"),
    ref(5, 101, "testAB", "him"),
]


@pytest.fixture
def root(tmp_path) -> Path:
    """RefCOCO with two pictures, five refs and one annotation nobody refers to."""
    folder = tmp_path / "refcoco"
    folder.mkdir()
    with (folder / "refs(unc).p").open("wb") as file:
        Python2Pickler(file, protocol=2).dump(REFS)
    images = [
        {"id": image, "file_name": f"COCO_train2014_{image:012d}.jpg", "height": HEIGHT, "width": WIDTH}
        for image in IMAGE_IDS
    ]
    annotations = [
        {"id": number, "image_id": IMAGE_IDS[image], "iscrowd": crowd, "category_id": 1, "segmentation": shape}
        for number, (shape, image, crowd) in ANNOTATIONS.items()
    ]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
    (folder / "instances.json").write_text(json.dumps(content))
    (tmp_path / PICTURES).mkdir(parents=True)
    for shade, image in enumerate(images):
        pixels = np.full((HEIGHT, WIDTH, 3), (10 + 90 * shade, 20, 30), np.uint8)
        Image.fromarray(pixels).save(tmp_path / PICTURES / image["file_name"], quality=95)
    return tmp_path


def edit_instances(root: Path, change) -> None:
    path = root / "refcoco" / "instances.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_every_sentence_is_a_sample_and_an_image_is_met_once(root):
    dataset = open_dataset("refcoco", "val", root)
    assert [(sample.id, sample.image_id, sample.expression) for sample in dataset.samples] == [
        ("ref1-sent10", "581857", "The man"),
        ("ref1-sent11", "581857", "guy in a caf\xe9"),
        ("ref3-sent30", "581857", "woman left"),
        ("ref2-sent20", "291", "small box"),
    ]
    assert all(sample.has_target for sample in dataset.samples)


def test_polygons_plain_and_compressed_rle_and_a_crowd(root):
    masks = {}
    for split in ("val", "testA"):
        dataset = open_dataset("refcoco", split, root)
        masks |= {sample.id: dataset.mask(sample) for sample in dataset.samples}
    assert np.array_equal(masks["ref1-sent10"], MASKS[101])
    assert np.array_equal(masks["ref1-sent11"], MASKS[101])
    assert np.array_equal(masks["ref2-sent20"], MASKS[104])
    assert np.array_equal(masks["ref3-sent30"], MASKS[102])
    assert np.array_equal(masks["ref4-sent40"], MASKS[103])


def test_what_parts_share_is_cut_out_as_the_published_loader_does(root):
    dataset = open_dataset("refcoco", "val", root, truth="official")
    parts = [box_mask(2, 3, 10, 6), box_mask(8, 5, 10, 9)]
    assert (parts[0] & parts[1]).any()
    assert np.array_equal(dataset.mask(dataset.samples[0]), parts[0] ^ parts[1])
    assert np.array_equal(dataset.mask(dataset.samples[3]), MASKS[104])
    with pytest.raises(DatasetError, match="no truth 'mine'; there are dataset, official"):
        open_dataset("refcoco", "val", root, truth="mine")


def test_pictures_are_those_of_instances_json(root):
    dataset = open_dataset("refcoco", "val", root)
    first, second = (dataset.image(str(image)) for image in IMAGE_IDS)
    assert first.shape == (HEIGHT, WIDTH, 3)
    assert first.dtype == np.uint8
    assert np.abs(first.mean((0, 1)) - (10, 20, 30)).max() < 3
    assert np.abs(second.mean((0, 1)) - (100, 20, 30)).max() < 3


def test_pictures_may_be_elsewhere(root, tmp_path):
    (tmp_path / PICTURES).rename(tmp_path / "coco")
    with pytest.raises(DatasetError, match=r"581857: image .*COCO_train2014_000000581857.jpg is missing"):
        open_dataset("refcoco", "val", root).image("581857")
    assert open_dataset("refcoco", "val", root, images=tmp_path / "coco").image("581857").any()


@pytest.mark.parametrize(
    ("split", "refs"), [("testA", {4, 5}), ("testB", {5}), ("testAB", {5}), ("test", {4, 5}), ("val", {1, 2, 3})]
)
def test_combined_splits_are_those_of_the_toolkit(root, split, refs):
    samples = open_dataset("refcoco", split, root).samples
    assert {int(sample.id.split("-")[0].removeprefix("ref")) for sample in samples} == refs


def test_a_wrong_split_is_answered_with_those_there_are(root):
    with pytest.raises(DatasetError, match=r"no split 'tset'; there are testA \(1 refs\), testAB .*, val \(3"):
        open_dataset("refcoco", "tset", root)


def test_somebody_elses_split_is_a_file_of_its_own(root):
    with pytest.raises(DatasetError, match=r"refs\(google\)\.p: no such file; refs files there: refs\(unc\)\.p"):
        open_dataset("refcoco", "val", root, split_by="google")
    (root / "refcoco").rename(root / "refcocog")
    (root / "refcocog" / "refs(unc).p").rename(root / "refcocog" / "refs(google).p")
    dataset = open_dataset("refcocog", "val", root, split_by="google")
    assert len(dataset.samples) == 4
    # The paper's figures are of another split.
    assert dataset.name == "refcocog (google)"


def test_a_picture_of_another_size_is_refused(root):
    Image.new("RGB", (10, 10)).save(root / PICTURES / "COCO_train2014_000000000291.jpg")
    with pytest.raises(DatasetError, match="is 10×10, its annotations are for 60×40"):
        open_dataset("refcoco", "val", root).image("291")


def test_a_missing_annotation_is_named(root):
    edit_instances(root, lambda content: content["annotations"].pop(0))
    with pytest.raises(DatasetError, match=r"instances.json: annotation 101 of ref 1 is missing"):
        open_dataset("refcoco", "val", root)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"size": [4, 4], "counts": [16]}, "mask is 4×4, its image 60×40"),
        ({"size": [HEIGHT, WIDTH], "counts": [5, 9999]}, "damaged RLE"),
        ({"size": [HEIGHT, WIDTH]}, "neither polygons nor an RLE"),
        ([["x"] * 6], "damaged polygons"),
        ([[1.0] * 7], "odd count"),
        (None, "neither polygons nor an RLE"),
    ],
)
def test_a_damaged_mask_names_its_annotation(root, shape, message):
    edit_instances(root, lambda content: content["annotations"][0].update(segmentation=shape))
    dataset = open_dataset("refcoco", "val", root)
    with pytest.raises(DatasetError, match=f"instances.json: annotation 101: .*{message}"):
        dataset.mask(dataset.samples[0])


def test_a_python2_pickle_of_utf8_is_read_as_it_was_meant(root):
    class Utf8Pickler(Python2Pickler):
        dispatch = Python2Pickler.dispatch.copy()

        def save_utf8(self, text: str) -> None:
            self.save_bytes_of(text.encode().decode("latin1"))

        dispatch[str] = save_utf8

    with (root / "refcoco" / "refs(unc).p").open("wb") as file:
        Utf8Pickler(file, protocol=2).dump([ref(1, 101, "val", "guy’s caf\xe9")])
    assert [sample.expression for sample in open_dataset("refcoco", "val", root).samples] == ["guy’s caf\xe9"]


def rewrite_refs(root: Path, change) -> None:
    refs = pickle.loads(pickle.dumps(REFS))
    change(refs)
    (root / "refcoco" / "refs(unc).p").write_bytes(pickle.dumps(refs))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda refs: refs[0]["sentences"][1].update(sent_id=10), r"refs\(unc\)\.p: ref1-sent10 is there twice"),
        (lambda refs: refs[2].update(ref_id=1, sentences=refs[0]["sentences"]), "ref1-sent10 is there twice"),
        (lambda refs: refs[0].update(ann_id=104), "annotation 104 is of image 291, its ref 1 of 581857"),
        (lambda refs: refs[0]["sentences"][0].update(raw=5), "a sentence of ref 1 is not a text"),
        (lambda refs: refs[0]["sentences"][0].update(sent=None), "a sentence of ref 1 is not a text"),
        (lambda refs: [ref["sentences"].clear() for ref in refs], "split val holds no expression"),
    ],
)
def test_refs_that_contradict_themselves_are_named(root, change, message):
    rewrite_refs(root, change)
    with pytest.raises(DatasetError, match=message):
        open_dataset("refcoco", "val", root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["annotations"].append(content["annotations"][0]), "annotation 101 is there twice"),
        (lambda content: content["images"].append(content["images"][0]), "image 581857 is there twice"),
        (lambda content: content["images"][0].update(file_name=5), "image 581857: file_name is 5"),
        (lambda content: content["annotations"][0].pop("segmentation"), "not COCO annotations"),
        (lambda content: content["annotations"][0].pop("image_id"), "not COCO annotations"),
        (lambda content: content["images"][0].pop("height"), "image 581857: height is None"),
    ],
)
def test_instances_that_contradict_themselves_are_named(root, change, message):
    edit_instances(root, change)
    with pytest.raises(DatasetError, match=rf"instances.json: {message}"):
        open_dataset("refcoco", "val", root)


def test_a_sentence_without_its_raw_text_is_read_cleaned(root):
    rewrite_refs(root, lambda refs: refs[0]["sentences"][0].update(raw=None))
    assert open_dataset("refcoco", "val", root).samples[0].expression == "the man"


def test_an_empty_expression_is_named(root):
    refs = pickle.loads(pickle.dumps(REFS))
    refs[0]["sentences"][1] |= {"raw": " ", "sent": ""}
    (root / "refcoco" / "refs(unc).p").write_bytes(pickle.dumps(refs))
    with pytest.raises(DatasetError, match=r"refs\(unc\)\.p: ref1-sent11: an empty expression"):
        open_dataset("refcoco", "val", root)


class Evil:
    """Calls a function of one argument when it is unpickled."""

    def __init__(self, function, argument) -> None:
        self.call = function, (argument,)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("function", [os.mkdir, os.system, eval, exec, Path])
def test_a_pickle_that_runs_code_is_refused_and_not_run(tmp_path, protocol, function):
    trace = tmp_path / "trace"
    argument = {os.mkdir: str(trace), os.system: f"mkdir {trace}", Path: str(trace)}.get(
        function, f"__import__('os').mkdir({str(trace)!r})"
    )
    path = tmp_path / "refs(unc).p"
    path.write_bytes(pickle.dumps([*REFS, Evil(function, argument)], protocol=protocol))
    with pytest.raises(DatasetError, match=r"refs\(unc\)\.p: refused: the pickle asks for [\w.]+; only plain"):
        load_refs(path)
    assert not trace.exists()


def test_numpy_scalars_are_refused_by_name(tmp_path):
    path = tmp_path / "refs(unc).p"
    path.write_bytes(pickle.dumps([{"ref_id": np.int64(3)}]))
    with pytest.raises(DatasetError, match=r"numpy.*\.scalar"):
        load_refs(path)


def test_plain_containers_of_every_protocol_are_read(tmp_path):
    path = tmp_path / "refs.p"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps([REFS[0] | {"extra": ({1, 2}, frozenset("a"), 2.5, None)}], protocol))
        assert load_refs(path)[0]["extra"] == ({1, 2}, frozenset("a"), 2.5, None)


@pytest.mark.parametrize("kept", [0, 1, 30, -1])
def test_a_truncated_pickle_is_called_damaged(root, kept):
    path = root / "refcoco" / "refs(unc).p"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DatasetError, match="damaged pickle"):
        load_refs(path)


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_line_ends_that_a_copy_in_text_mode_changed_are_read_as_they_were(tmp_path, caplog, protocol):
    path = tmp_path / "refs(unc).p"
    refs = [*REFS, ref(9, 101, "val", "two\nlines\r\nor three")]
    path.write_bytes(pickle.dumps(refs, protocol).replace(b"\n", b"\r\n"))
    assert load_refs(path) == refs
    assert "its line ends are those of Windows (CR LF)" in caplog.text
    caplog.clear()
    path.write_bytes(pickle.dumps(refs, protocol))
    assert load_refs(path) == refs and not caplog.text


def test_line_ends_of_windows_are_named_when_nothing_helps(tmp_path):
    path = tmp_path / "refs(unc).p"
    path.write_bytes(pickle.dumps(REFS, 0).replace(b"\n", b"\r\n")[:-40])
    with pytest.raises(DatasetError, match=r"Windows \(CR LF\).*copy it again as it is"):
        load_refs(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds a dict"),
        ([1], "ref number 0 is a int"),
        ([REFS[0], REFS[1] | {"ann_id": "x"}], "ref number 1: ann_id is 'x'"),
        ([REFS[0] | {"sentences": [{}]}], "a sentence of ref 1 lacks"),
    ],
)
def test_a_pickle_of_something_else_is_named(tmp_path, content, message):
    path = tmp_path / "refs.p"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(DatasetError, match=message):
        load_refs(path)


def test_what_is_written_is_read_back_exactly(tabletop, tmp_path):
    with_target = [sample for sample in tabletop.samples if sample.has_target]
    assert write_refer(tabletop, tmp_path) == len(with_target) == 9
    dataset = open_dataset("refcoco", "heldout", tmp_path)
    assert [sample.expression for sample in dataset.samples] == [sample.expression for sample in with_target]
    for sample, original in zip(dataset.samples, with_target, strict=True):
        assert np.array_equal(dataset.image(sample.image_id), tabletop.image(original.image_id))
        assert np.array_equal(dataset.mask(sample), tabletop.mask(original))
    refs = load_refs(tmp_path / "refcoco" / "refs(unc).p")
    assert [len(ref["sentences"]) for ref in refs] == [2, 1] * 3
    assert refs[0]["sentences"][0]["tokens"] == ["the", "red", "cube"]
