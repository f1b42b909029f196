"""SAM 2.1, small and seeded, gives what its published code gave (facebookresearch/sam2 at 2b90b9f)."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import torch
from golden_scene import cat, recorded
from seeded_sam import seeded_sam_state

from hybridgl_ros.config import load_config
from hybridgl_ros.models.embedded_sam import DecoderSizes
from hybridgl_ros.models.loading import SAM_BUILDERS, load_sam, misfits
from hybridgl_ros.models.sam2 import HIERA_SIZES, HieraSizes, build_sam2
from hybridgl_ros.models.sam_layouts import native_sam
from hybridgl_ros.models.unfilled import unfilled
from hybridgl_ros.proposals.decoder import decode_points
from hybridgl_ros.proposals.frame import Frame
from hybridgl_ros.proposals.sam import SamProposals

pytest.importorskip("transformers")

HIERA = HieraSizes(16, 1, (1, 2, 3, 1), (4,))
SIZES = DecoderSizes(image=256, patch=16, decoder_width=64, decoder_heads=8, decoder_mlp=2048, iou_head_width=256)


@pytest.fixture(scope="module")
def published():
    return recorded("systems/sam2_small")


@pytest.fixture
def model(published, register, tmp_path, monkeypatch):
    """Loaded as Meta's checkpoints are: `torch.save` of a state dict under "model", with the parts for videos."""
    monkeypatch.setitem(SAM_BUILDERS, "hiera_small_test", partial(build_sam2, HIERA, SIZES))
    video = {"memory_attention.norm.weight": torch.ones(3), "sam_mask_decoder.pred_obj_score_head.w": torch.ones(3)}
    torch.save({"model": seeded_sam_state(str(published["state"])) | video}, tmp_path / "sam2.pt")
    register("small", "sam", "hiera_small_test", tmp_path / "sam2.pt")
    return load_sam("small")


@pytest.mark.parametrize("name", HIERA_SIZES)
def test_every_size_takes_the_names_and_shapes_of_its_published_weights(name):
    shapes = json.loads(str(recorded("systems/sam2_shapes")[name]))
    state = {entry: torch.empty(shape, device="meta") for entry, shape in shapes}
    with unfilled():
        model = SAM_BUILDERS[name]()
    assert misfits(model.state_dict(), native_sam(state)) == []


def test_weights_of_transformers_fit_with_what_they_have_for_videos():
    from transformers import Sam2VideoConfig, Sam2VideoModel

    with unfilled():
        theirs, model = Sam2VideoModel(Sam2VideoConfig()), SAM_BUILDERS["hiera_tiny"]()
    assert misfits(model.state_dict(), native_sam(theirs.state_dict())) == []


def test_features(model, published):
    embedding, finer, finest = (part[0].numpy() for part in SamProposals(model).embed(cat().image))
    np.testing.assert_allclose(embedding[::4], published["embedding"], atol=1e-4)
    np.testing.assert_allclose(finer[::4, ::4, ::4], published["finer"], atol=1e-4)
    np.testing.assert_allclose(finest[:, ::8, ::8], published["finest"], atol=1e-4)


def test_logits_and_ratings_of_points(model, published):
    image = cat().image
    size = image.shape[:2]
    points = Frame.of(model).points(published["points"].astype(float) / size[::-1], size, torch.device("cpu"))
    with torch.inference_mode():
        found = list(decode_points(model, SamProposals(model).embed(image), points, 0.0))
    np.testing.assert_allclose(torch.stack([ratings for _, ratings in found]), published["ratings"], atol=1e-5)
    np.testing.assert_allclose(found[0][0], published["logits"], atol=1e-3)


def test_masks_of_a_grid(model, published):
    image = cat().image
    wanted = {"points_per_side": 3, "points_per_batch": 5, "nms": "box", "nms_threshold": 1.0}
    wanted |= {"predicted_iou_threshold": 0.45, "stability_threshold": 0.0, "minimum_region_area": 0}
    settings = load_config("embedded", overrides={f"proposals.{name}": value for name, value in wanted.items()})
    found = SamProposals(model).generate(image, settings.proposals)
    masks = np.unpackbits(published["masks"], axis=-1, count=image.shape[1]).astype(bool)
    np.testing.assert_allclose(found.predicted_iou, published["predicted"], atol=1e-5)
    np.testing.assert_allclose(found.stability, published["stability"], atol=1e-3)
    assert len(found) == len(masks)
    # A logit of the many may be within rounding of 0.
    assert np.count_nonzero(found.masks != masks) <= 1e-4 * masks.size
