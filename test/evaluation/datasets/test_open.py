from __future__ import annotations

import numpy as np
import pytest

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets import SOURCES, open_dataset
from hybridgl_ros.evaluation.datasets.export import FORMATS, JSONL_NAME, export
from hybridgl_ros.evaluation.samples import geometry_of


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("coco",), "no data set 'coco'; there are tabletop, refcoco"),
        (("refcoco", "val"), "refcoco needs a root"),
        (("bag", "val", "x"), "bag has no splits, not 'val' either"),
    ],
)
def test_a_wrong_name_is_answered_with_what_there_is(arguments, message):
    with pytest.raises(DatasetError, match=message):
        open_dataset(*arguments)


def test_an_option_of_another_data_set_is_refused(tabletop_zip):
    with pytest.raises(DatasetError, match="tabletop does not understand split_by"):
        open_dataset("tabletop", root=tabletop_zip, split_by="unc")
    assert open_dataset("tabletop", root=tabletop_zip, split_by=None).name == "tabletop"


def test_every_data_set_that_needs_files_says_which():
    for name, source in SOURCES.items():
        if source.root:
            with pytest.raises(DatasetError, match=f"{name} needs a root".replace("+", r"\+")):
                open_dataset(name)


OPENED_AS = {
    "jsonl": lambda out: ("jsonl", None, out / JSONL_NAME),
    "refer": lambda out: ("refcoco", "heldout", out),
    "bag": lambda out: ("bag", None, out),
    "mcap": lambda out: ("bag", None, out),
}


@pytest.mark.parametrize("format_name", FORMATS)
def test_an_export_scores_like_the_original(tabletop, tmp_path, format_name):
    out = tmp_path / "out"
    count = export(tabletop, format_name, out, limit=6)
    originals = [s for s in tabletop.samples[:6] if s.has_target or format_name != "refer"]
    assert count == len(originals)
    dataset = open_dataset(*OPENED_AS[format_name](out))
    for sample, original in zip(dataset.samples, originals, strict=True):
        assert sample.expression == original.expression
        assert sample.has_target == original.has_target
        assert np.array_equal(dataset.mask(sample), tabletop.mask(original))
        assert np.array_equal(dataset.image(sample.image_id), tabletop.image(original.image_id))
        if format_name != "refer":
            here, there = geometry_of(dataset, sample.image_id), geometry_of(tabletop, original.image_id)
            assert np.array_equal(here.intrinsics, there.intrinsics)
            # Bags hold whole millimetres.
            assert here.depth == pytest.approx(there.depth, abs=0 if format_name == "jsonl" else 6e-4, nan_ok=True)


@pytest.mark.parametrize("format_name", ["jsonl", "refer"])
def test_a_target_without_a_pixel_is_not_exported(tabletop, tmp_path, monkeypatch, format_name):
    monkeypatch.setattr(tabletop, "mask", lambda sample: np.zeros((48, 64), bool))
    with pytest.raises(DatasetError, match=r"tabletop heldout: the mask of sample s\.0-0 is empty"):
        export(tabletop, format_name, tmp_path / "out")


def test_nothing_is_overwritten(tabletop, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(DatasetError, match="exists already"):
        export(tabletop, "jsonl", tmp_path)
    with pytest.raises(DatasetError, match="no format 'coco'; there are jsonl"):
        export(tabletop, "coco", tmp_path / "out")
