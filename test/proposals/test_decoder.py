"""The decoder for many points, and the bounds of upscaled logits, against segment_anything's own."""

from __future__ import annotations

from unittest.mock import patch

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from segment_anything import SamPredictor
from segment_anything.utils.amg import calculate_stability_score, remove_small_regions

from hybridgl_ros.models.embedded_sam import SamSizes, build_embedded_sam
from hybridgl_ros.proposals import upscaling as upscaling_module
from hybridgl_ros.proposals.decoder import decode_points
from hybridgl_ros.proposals.frame import Frame
from hybridgl_ros.proposals.masks import corners
from hybridgl_ros.proposals.packed import PackedMask
from hybridgl_ros.proposals.selection import without_small_regions

SIZES = SamSizes(image=64, encoder_width=16, encoder_blocks=1, encoder_heads=2, decoder_width=32, decoder_mlp=64)


@pytest.fixture(scope="module")
def sam():
    torch.manual_seed(7)
    return build_embedded_sam(SIZES).requires_grad_(False)


def published(sam, features, points):
    labels = torch.ones(len(points), 1, dtype=torch.int)
    sparse, dense = sam.prompt_encoder(points=(points[:, None], labels), boxes=None, masks=None)
    logits, ratings = sam.mask_decoder(
        image_embeddings=features,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=True,
    )
    return logits.flatten(0, 1), ratings.flatten()


@pytest.mark.parametrize("count", [1, 3, 4, 9, 16])
def test_logits_and_ratings_are_those_of_the_published_decoder(sam, count):
    torch.manual_seed(count)
    features, points = torch.randn(1, 32, 8, 8), torch.rand(count, 2, dtype=torch.float64) * 64
    with torch.inference_mode():
        expected = published(sam, features, points)
        for share in (None, 0.0, 0.6, 1.0):
            # Between two ratings, so that rounding does not decide.
            threshold = 0.0 if share is None else float(expected[1].quantile(share)) + 1e-5
            good = expected[1] > threshold if threshold > 0 else torch.ones_like(expected[1], dtype=torch.bool)
            found = list(decode_points(sam, (features,), points, threshold))
            assert sum(len(ratings) for _, ratings in found) == good.sum()
            if found:
                logits, ratings = (torch.cat(parts) for parts in zip(*found))
                torch.testing.assert_close(logits, expected[0][good], rtol=1e-4, atol=1e-5)
                torch.testing.assert_close(ratings, expected[1][good], rtol=1e-4, atol=1e-5)


sizes = st.tuples(st.integers(1, 150), st.integers(1, 150)).filter(lambda size: max(size) < 40 * min(size))


@settings(deadline=None, max_examples=60)
@pytest.mark.parametrize("small", [0, 512, None])
@given(size=sizes, seed=st.integers(0, 2**32 - 1), smooth=st.integers(0, 9), shift=st.floats(-4, 4))
def test_bounds_hold(sam, small, size, seed, smooth, shift):
    """small: up to which side of SAM's input bounds are taken there; None: SAM 2's one step."""
    logits = np.random.default_rng(seed).normal(size=(32, 32)).astype(np.float32)
    logits = cv2.GaussianBlur(logits, (0, 0), smooth / 2) if smooth else logits
    logits = 4 * logits / logits.std() + np.float32(shift)
    candidate = torch.from_numpy(logits)[None, None]
    if small is None:
        exact = torch.nn.functional.interpolate(candidate, size, mode="bilinear", align_corners=False)
        upscaling = Frame(64, squashes=True).upscaling((32, 32), size)
    else:
        seen = SamPredictor(sam).transform.get_preprocess_shape(*size, 64)
        if not min(seen):
            return
        exact = sam.postprocess_masks(candidate, seen, size)
        with patch.object(upscaling_module, "SMALL", small):
            upscaling = Frame(64, squashes=False).upscaling((32, 32), size)
            assert upscaling.grid == ((64, 64) if small else (32, 32))
    assert torch.equal(upscaling.enlarge(candidate[0, 0]), exact[0, 0])
    bounds = upscaling.bounds(logits)
    whole, mask = exact[0, 0].numpy(), exact[0, 0].numpy() > 0
    rows, columns = bounds.end(-1.0)
    assert not (whole[rows:] > -1).any() and not (whole[:, columns:] > -1).any()
    boxes = bounds.boxes(0.0)
    if boxes is not None:
        inner, outer, box = *boxes, np.array(corners(mask))
        assert mask.any() and (box[:2] <= inner[:2]).all() and (inner[2:] <= box[2:]).all()
        assert (outer[:2] <= box[:2]).all() and (box[2:] <= outer[2:]).all()
    stability = float(calculate_stability_score(exact[0], 0.0, 1.0)[0])
    assert not stability > bounds.stability_at_most(0.0, 1.0) + 1e-6


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(1, 25))
def test_small_regions_are_removed_as_published(seed, share, area):
    mask = np.random.default_rng(seed).random((17, 23)) < share / 60
    for holes in (True, False):
        expected = remove_small_regions(mask, area, "holes" if holes else "islands")
        found = without_small_regions(mask, area, holes=holes)
        assert found[1] == expected[1] and found[0].dtype == bool and np.array_equal(found[0], expected[0])


@given(st.integers(0, 2**32 - 1), st.integers(0, 20))
def test_packed_masks_are_the_masks(seed, share):
    one, other = np.random.default_rng(seed).random((2, 13, 9)) < share / 40
    packed = PackedMask.of(one)
    assert np.array_equal(packed.draw(np.ones((13, 9), bool)), one) and packed.area == one.sum()
    common, union = (one & other).sum(), (one | other).sum()
    assert packed.overlap(PackedMask.of(other)) == (common / union if common else 0.0)
