"""Masks as COCO writes them; what is damaged is refused, not guessed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hybridgl_ros.errors import DatasetError
from hybridgl_ros.evaluation.datasets.segmentations import decode_segmentation, encode_rle, runs_of

SIZE = (4, 6)
MASKS = arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40)))


@given(MASKS)
def test_a_mask_comes_back_from_its_compressed_code(mask):
    rle = encode_rle(mask)
    assert np.array_equal(decode_segmentation(rle, mask.shape, "x"), mask)
    assert sum(runs_of(rle["counts"])) == mask.size


@given(MASKS)
def test_compressed_and_plain_code_are_the_same(mask):
    plain = {"size": list(mask.shape), "counts": runs_of(encode_rle(mask)["counts"])}
    assert np.array_equal(decode_segmentation(plain, mask.shape, "x"), mask)


@given(MASKS, st.data())
def test_a_code_that_lost_its_end_is_refused(mask, data):
    counts = encode_rle(mask)["counts"]
    cut = data.draw(st.integers(0, len(counts) - 1))
    with pytest.raises(DatasetError, match="damaged RLE"):
        decode_segmentation({"size": list(mask.shape), "counts": counts[:cut]}, mask.shape, "x")


@given(st.text(max_size=30) | st.binary(max_size=30))
def test_any_text_is_a_mask_or_damaged(counts):
    rle = {"size": list(SIZE), "counts": counts}
    try:
        fills = sum(runs_of(counts)) == SIZE[0] * SIZE[1] and min(runs_of(counts)) >= 0
    except ValueError:
        fills = False
    if fills:
        assert decode_segmentation(rle, SIZE, "x").sum() == sum(runs_of(counts)[1::2])
    else:
        with pytest.raises(DatasetError, match="x: damaged RLE"):
            decode_segmentation(rle, SIZE, "x")


@pytest.mark.parametrize("counts", [[], [5, 10], [24, 1], [-5, 29], [1.5, 22.5], ["24"], [True, 23], None, 10**12, ""])
def test_runs_that_do_not_fill_the_picture_are_refused(counts):
    with pytest.raises(DatasetError, match="x: damaged RLE"):
        decode_segmentation({"size": list(SIZE), "counts": counts}, SIZE, "x")


@pytest.mark.parametrize("size", [5, None, [4], [4, 6, 1], ["4", "6"], [4.0, 6.0]])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(DatasetError, match=r"x: damaged RLE \(its size is"):
        decode_segmentation({"size": size, "counts": [24]}, SIZE, "x")


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e12, -1e12])
def test_a_polygon_that_leads_nowhere_is_refused(value):
    with pytest.raises(DatasetError, match="x: damaged polygons"):
        decode_segmentation([[0.0, 0.0, value, 0.0, 3.0, 3.0]], SIZE, "x")


def test_a_polygon_may_leave_the_picture():
    assert decode_segmentation([[-50.0, -50.0, 100.0, -50.0, 100.0, 100.0, -50.0, 100.0]], SIZE, "x").all()
