"""SAM 2.1 and MobileSAM, small and seeded: their masks are those of the published generator on the published model."""

from __future__ import annotations

import re
import sys
from copy import deepcopy
from functools import partial
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from published_masks import EVERYTHING, generated, settings
from safetensors.torch import save_file

from hybridgl_ros.doctor import surroundings
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.models.embedded_sam import PIXEL_MEAN, PIXEL_STD, DecoderSizes
from hybridgl_ros.models.loading import SAM_BUILDERS, load_sam
from hybridgl_ros.models.mobile_sam import TinyVitSizes, build_mobile_sam
from hybridgl_ros.models.precision import hold_in
from hybridgl_ros.models.sam2 import HieraSizes, build_sam2
from hybridgl_ros.models.sam_layouts import native_sam
from hybridgl_ros.proposals.sam import SamProposals
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path

SIZES = DecoderSizes(image=128, patch=16, decoder_width=32, decoder_heads=8, decoder_mlp=64, iou_head_width=32)
HIERA = HieraSizes(16, 1, (1, 1, 2, 1), (3,))
VIT = TinyVitSizes((8, 16, 24, 32), (1, 1, 2, 1), (1, 2, 3, 4))


def seeded(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Random weights with which ratings and masks differ from point to point."""
    torch.manual_seed(seed)
    for name, values in model.state_dict().items():
        if "running_var" in name or (name.endswith("weight") and values.ndim == 1):
            values.uniform_(0.5, 1.5)
        elif "positional" in name:
            values.normal_(0, 0.3)
        elif values.is_floating_point():
            values.normal_(0, 1.5 / values[0].numel() ** 0.5 if values.ndim > 1 else 0.3)
        if "output_hypernetworks_mlps" in name and ("layers.2" in name or "proj_out" in name):
            values *= 9
    return model.requires_grad_(False).eval()


@pytest.fixture(scope="module")
def sam2():
    """(transformers' model, ours with its weights)."""
    transformers = pytest.importorskip("transformers")
    ours = build_sam2(HIERA, SIZES)
    vision = ours.image_encoder.vision.config
    config = transformers.Sam2Config(
        vision_config=vision.to_dict(),
        prompt_encoder_config={"hidden_size": 32, "image_size": 128, "patch_size": 16},
        mask_decoder_config={"hidden_size": 32, "mlp_dim": 64, "iou_head_hidden_dim": 32},
    )
    theirs = seeded(transformers.Sam2Model(config), 5)
    # One table of positions under two names, as in the published weights.
    theirs.prompt_encoder.shared_embedding.positional_embedding = theirs.shared_image_embedding.positional_embedding
    ours.load_state_dict(native_sam(theirs.state_dict()))
    return theirs, ours.requires_grad_(False).eval()


@pytest.fixture(scope="module")
def mobile_sam():
    pytest.importorskip("timm")
    return seeded(build_mobile_sam(VIT, SIZES), 7)


@pytest.fixture(params=["sam2", "mobile_sam"])
def either(request):
    found = request.getfixturevalue(request.param)
    return found[1] if request.param == "sam2" else found


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return TabletopSet(heldout_path())[0].image


class Predictor:
    """What the published generator asks of its predictor, answered by transformers' Sam2Model."""

    def __init__(self, model) -> None:
        self.model = SimpleNamespace(mask_threshold=0.0)
        self.device = torch.device("cpu")
        self.transform = self
        self._model = model

    def set_image(self, image: np.ndarray) -> None:
        self._size = image.shape[:2]
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
        pixels = F.interpolate(pixels, (128, 128), mode="bilinear", antialias=True)
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (PIXEL_MEAN, PIXEL_STD))
        self._features = self._model.get_image_embeddings((pixels - mean) / std)

    def reset_image(self) -> None:
        del self._features

    def apply_coords(self, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return points / np.array(size)[::-1] * 128

    def predict_torch(self, points, labels, **_):
        found = self._model(
            image_embeddings=self._features, input_points=points[None].float(), input_labels=labels[None]
        )
        masks = F.interpolate(found.pred_masks[0], self._size, mode="bilinear", align_corners=False)
        return masks, found.iou_scores[0], None


@pytest.mark.parametrize("build", [partial(build_sam2, HIERA, SIZES), partial(build_mobile_sam, VIT, SIZES)])
def test_a_segmenter_takes_either_by_its_name(build, register, photo, tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.setitem(SAM_BUILDERS, "small", build)
    save_file(seeded(build(), 7).state_dict(), tmp_path / "small.safetensors")
    register("mine", "sam", "small", tmp_path / "small.safetensors")
    wanted = {"models.sam": "mine", "proposals.nms": "mask", "proposals.points_per_side": 4}
    wanted |= {"proposals.predicted_iou_threshold": 0.0, "proposals.stability_threshold": 0.0}
    segmenter = ReferringSegmenter.from_config("embedded", overrides=wanted)
    scene = segmenter.encode(photo)
    assert len(scene.proposals) > 1
    assert segmenter.refer(scene, "the red cube").mask.shape == photo.shape[:2]


@pytest.mark.parametrize(
    ("name", "library", "extra"), [("sam2_tiny", "transformers", "sam2"), ("mobile_sam", "timm", "mobilesam")]
)
def test_without_the_library_the_command_that_brings_it_is_told(name, library, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    said = f"needs {library}; run: pip install 'hybridgl-ros[{extra}]'"
    with pytest.raises(ConfigError, match=re.escape(said)):
        load_sam(name)
    assert said in surroundings.weights(name, "sam").error


CHANGES = [
    {"predicted_iou_threshold": 0.0, "stability_threshold": 0.0},
    {"predicted_iou_threshold": 0.0, "stability_threshold": 0.0, "nms_threshold": 0.9, "minimum_region_area": 40},
    {"predicted_iou_threshold": 0.0, "stability_threshold": 0.5, "nms_threshold": 0.98},
    {"points_per_batch": 5, **EVERYTHING},
]


def same_masks(found, expected) -> None:
    assert len(found) + found.dropped == len(expected) + expected.dropped > 0
    assert len(found) == len(expected)
    np.testing.assert_allclose(found.predicted_iou, expected.predicted_iou, atol=1e-5)
    np.testing.assert_allclose(found.stability, expected.stability, atol=2e-3)
    # A logit of the many may be within rounding of 0.
    assert np.count_nonzero(found.masks != expected.masks) <= 1e-4 * found.masks.size


@pytest.mark.parametrize("size", [(320, 240), (60, 40), (9, 200)])
@pytest.mark.parametrize("changes", CHANGES)
def test_the_masks_of_sam2_are_those_of_its_published_model(sam2, photo, size, changes):
    theirs, ours = sam2
    image, wanted = cv2.resize(photo, size), settings(**changes)
    found = SamProposals(ours).generate(image, wanted)
    same_masks(found, generated(ours, image, wanted, Predictor(theirs)))


@pytest.mark.parametrize("size", [(320, 240), (60, 40)])
@pytest.mark.parametrize("changes", CHANGES)
def test_the_masks_of_mobile_sam_are_those_of_the_published_generator(mobile_sam, photo, size, changes):
    image, wanted = cv2.resize(photo, size), settings(**changes)
    same_masks(SamProposals(mobile_sam).generate(image, wanted), generated(mobile_sam, image, wanted))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_every_type_embeds_much_the_same(either, photo, dtype):
    half = deepcopy(either)
    hold_in(dtype, half.image_encoder)
    exact, found = (SamProposals(sam).embed(photo) for sam in (either, half))
    for one, other in zip(exact, found):
        assert other.dtype == torch.float32 and not torch.equal(one, other)
        assert (one - other).abs().mean() < 0.03 * one.abs().mean()
