"""The small SAM's architecture runs under segment_anything's predictor and generator."""

import numpy as np
import pytest
import torch
from segment_anything import SamAutomaticMaskGenerator, SamPredictor

from hybridgl_ros.models.embedded_sam import EMBEDDED_SIZES, SamSizes, build_embedded_sam

WIDTH = EMBEDDED_SIZES.decoder_width


@pytest.fixture(scope="module")
def sam():
    torch.manual_seed(0)
    return build_embedded_sam()


def test_parameter_count_is_that_of_the_shipped_weights(sam):
    assert sum(parameter.numel() for parameter in sam.parameters()) == 1_882_564


def test_only_the_configured_blocks_attend_globally(sam):
    windows = [block.window_size for block in sam.image_encoder.blocks]
    assert windows == [8, 8, 0, 8, 8, 0]


def test_sizes_reach_the_modules():
    sam = build_embedded_sam(SamSizes(image=64, encoder_blocks=2, global_blocks=(1,), decoder_width=32))
    assert sam.image_encoder.img_size == 64
    assert sam.image_encoder.pos_embed.shape == (1, 8, 8, EMBEDDED_SIZES.encoder_width)
    assert sam.mask_decoder.transformer_dim == 32


def test_predictor_gives_three_masks_of_the_image_size(sam):
    predictor = SamPredictor(sam)
    predictor.set_image(np.full((240, 320, 3), 127, np.uint8))
    assert predictor.input_size == (192, 256)
    assert predictor.features.shape == (1, WIDTH, 32, 32)
    masks, quality, logits = predictor.predict(np.array([[160, 120]]), np.array([1]))
    assert masks.shape == (3, 240, 320)
    assert masks.dtype == bool
    assert quality.shape == (3,)
    assert logits.shape == (3, 128, 128)


def test_a_point_changes_the_masks(sam):
    predictor = SamPredictor(sam)
    predictor.set_image(np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8))
    first, _, _ = predictor.predict(np.array([[20, 20]]), np.array([1]), return_logits=True)
    second, _, _ = predictor.predict(np.array([[300, 200]]), np.array([1]), return_logits=True)
    assert not np.allclose(first, second)


def test_automatic_mask_generation_runs_without_filters(sam):
    generator = SamAutomaticMaskGenerator(
        sam, points_per_side=2, pred_iou_thresh=0.0, stability_score_thresh=0.0, box_nms_thresh=1.0
    )
    # Untrained ratings may be negative, and a threshold of 0 keeps all of them.
    records = generator.generate(np.random.default_rng(1).integers(0, 256, (120, 160, 3), dtype=np.uint8))
    assert len(records) == 12
    assert all(record["segmentation"].shape == (120, 160) for record in records)
