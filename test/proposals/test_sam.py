"""Proposals: the masks of segment_anything's own generator, in pieces that fit."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from published_masks import EVERYTHING, generated, settings

from hybridgl_ros import memory
from hybridgl_ros.errors import ImageError, StoppedError
from hybridgl_ros.models.loading import load_sam
from hybridgl_ros.proposals import sam
from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path


@pytest.fixture(scope="module")
def model():
    return load_sam("sam_tabletop")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return TabletopSet(heldout_path())[0].image


@pytest.mark.parametrize("size", [(320, 240), (331, 517), (60, 40)])
@pytest.mark.parametrize(
    "changes",
    [{}, {"minimum_region_area": 40}, EVERYTHING, {"points_per_batch": 5, **EVERYTHING}, {"nms_threshold": 0.0}],
)
def test_the_masks_and_their_order_are_those_of_the_published_generator(model, photo, monkeypatch, size, changes):
    image = cv2.resize(photo, size)
    expected = generated(model, image, settings(**changes))
    for piece in (memory.PIECE, 1):
        monkeypatch.setattr(sam, "PIECE", piece)
        found = sam.SamProposals(model).generate(image, settings(**changes))
        assert len(found) == len(expected) > 0
        assert np.array_equal(found.masks, expected.masks) and np.array_equal(found.boxes, expected.boxes)
        np.testing.assert_allclose(found.predicted_iou, expected.predicted_iou, atol=1e-5)
        # A pixel of the many above a shifted threshold may be within rounding of it.
        np.testing.assert_allclose(found.stability, expected.stability, atol=2e-3)
        assert found.dropped == expected.dropped


@pytest.mark.parametrize("nms", ["box", "mask"])
def test_nothing_found_is_no_error(model, photo, nms):
    found = sam.SamProposals(model).generate(photo, settings(predicted_iou_threshold=1.0, nms=nms))
    assert found.masks.shape == (0, 240, 320)


@pytest.mark.parametrize("area", [0, 40])
def test_by_masks_no_two_proposals_overlap_much_and_what_was_dropped_overlaps_a_better_one(model, photo, area):
    wanted = {"points_per_side": 8, "minimum_region_area": area}
    every = sam.SamProposals(model).generate(photo, settings(**wanted, nms_threshold=1.0))
    kept = sam.SamProposals(model).generate(photo, settings(**wanted, nms="mask"))
    flat = kept.masks.reshape(len(kept), -1).astype(float)
    common = flat @ flat.T
    iou = common / (flat.sum(1)[:, None] + flat.sum(1) - common)
    assert 0 < len(kept) < len(every) and np.triu(iou, 1).max() <= 0.7
    for mask, rating in zip(every.masks, every.predicted_iou):
        overlaps = [(mask & other).sum() / (mask | other).sum() for other in kept.masks[kept.predicted_iou >= rating]]
        assert area or max(overlaps) > 0.7


@pytest.mark.parametrize("size", [(4000, 6), (6, 4000), (600, 1)])
def test_a_picture_too_narrow_for_sam_is_refused(model, size):
    with pytest.raises(ImageError, match=rf"a {size[0]}×{size[1]} picture is too narrow"):
        sam.SamProposals(model).generate(np.zeros((size[1], size[0], 3), np.uint8), settings())


@pytest.mark.parametrize("left", [10**6, 3 * 10**6])
def test_masks_that_do_not_fit_are_refused(model, photo, monkeypatch, left):
    monkeypatch.setattr(memory, "available_memory", lambda root=Path("/"): left)
    with pytest.raises(ImageError, match=r"of a 320×240 picture needs about .* GB of memory, 0.0 GB are left"):
        sam.SamProposals(model).generate(photo, settings(**EVERYTHING))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_type_proposes_much_the_same(model, photo, dtype):
    exact = sam.SamProposals(model).generate(photo, settings())
    found = sam.SamProposals(load_sam("sam_tabletop", dtype=dtype)).generate(photo, settings())
    assert len(found) > 0
    for mask in found.masks:
        overlaps = [(mask & other).sum() / (mask | other).sum() for other in exact.masks]
        assert max(overlaps) > 0.9


def test_progress_is_asked_before_the_encoder_and_each_batch_and_may_end_the_work(model, photo):
    told: list[str] = []
    sam.SamProposals(model).generate(photo, settings(points_per_batch=5), told.append)
    assert told == ["proposals"] * (1 + 4)

    def stop(stage: str) -> None:
        raise StoppedError("nobody waits any more")

    with pytest.raises(StoppedError):
        sam.SamProposals(model).generate(photo, settings(), stop)
