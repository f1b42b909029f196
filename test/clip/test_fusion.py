"""Region features: batches change nothing, and the modes are what they say."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
from plain_clip import plain_features

from hybridgl_ros import memory
from hybridgl_ros.clip.blocks import Block
from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.fusion import MODES, region_features
from hybridgl_ros.clip.views import Views
from hybridgl_ros.config import load_config
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.models.loading import ClipModel


def settings(**changes):
    return load_config("embedded", overrides={f"features.{name}": value for name, value in changes.items()}).features


@pytest.mark.parametrize("mode", MODES)
def test_the_batch_size_changes_nothing(tiny_clip, picture, four_masks, mode):
    whole = region_features(tiny_clip, picture, four_masks, settings(mode=mode))
    single = region_features(tiny_clip, picture, four_masks, settings(mode=mode, batch_size=1))
    assert whole.shape == (4, 16) and torch.allclose(whole, single, atol=1e-5)


def test_every_mode_describes_differently(tiny_clip, picture, four_masks):
    features = [region_features(tiny_clip, picture, four_masks, settings(mode=mode)) for mode in MODES]
    for i, one in enumerate(features):
        assert not any(torch.allclose(one, other, atol=1e-4) for other in features[i + 1 :])


def test_without_global_weight_g2l_is_the_local_branch(tiny_clip, picture, four_masks):
    fused = region_features(tiny_clip, picture, four_masks, settings(mode="G2L", beta=0.0))
    assert torch.allclose(fused, region_features(tiny_clip, picture, four_masks, settings(mode="L")), atol=1e-5)


@pytest.fixture(scope="module")
def odd_clip():
    """A random CLIP of 4 blocks with 3×3 image tokens and plain GELU."""
    torch.manual_seed(1)
    model = open_clip.CLIP(
        embed_dim=12,
        vision_cfg={
            "image_size": 42,
            "layers": 4,
            "width": 24,
            "head_width": 8,
            "patch_size": 14,
            "ls_init_value": 0.5,
        },
        text_cfg={"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    )
    return ClipEncoder(ClipModel.of(model))


OFFICIAL = {"statistics": "imagenet", "antialias": False, "token_coverage": "fraction", "fuse_class_token": True}


@pytest.mark.parametrize("changes", [{}, OFFICIAL])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_what_the_plain_way_gives(tiny_clip, odd_clip, four_masks, mode, changes):
    picture = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    for clip, starts in ((tiny_clip, (7, 9)), (odd_clip, (0, 2, 3))):
        for start in starts:
            chosen = settings(mode=mode, start_block=start, batch_size=3, **changes)
            expected = plain_features(clip, picture, four_masks, chosen)
            found = region_features(clip, picture, four_masks, chosen)
            assert torch.allclose(found, expected, atol=1e-5), (start, (found - expected).abs().max())


def test_other_blocks_are_refused():
    with pytest.raises(ConfigError, match="blocks of the kind Identity cannot be used"):
        Block(torch.nn.Identity())


def test_the_global_class_token_is_fused_only_on_request(tiny_clip, picture, four_masks):
    without, with_token = (
        region_features(tiny_clip, picture, four_masks, settings(fuse_class_token=on)) for on in (False, True)
    )
    assert not torch.allclose(without, with_token, atol=1e-4)


def test_views_keep_the_inside_and_fill_the_outside(tiny_clip, four_masks):
    picture = np.full((32, 32, 3), 200, np.uint8)
    mask = torch.zeros(1, 32, 32, dtype=torch.bool)
    mask[:, :16] = True
    views = Views(tiny_clip, picture, settings())
    local = views.local(mask)[0]
    assert torch.allclose(local[:, :16], views.whole()[0, :, :16]) and not local[:, 16:].any()
    assert torch.allclose(views.blurred(mask), views.whole(), atol=1e-5)


def test_coverage_counts_a_single_pixel(tiny_clip, picture):
    mask = torch.zeros(1, 40, 60, dtype=torch.bool)
    mask[0, 39, 59] = True
    assert Views(tiny_clip, picture, settings()).coverage(mask).tolist() == [[0, 0, 0, 1]]
    fractions = Views(tiny_clip, picture, settings(token_coverage="fraction")).coverage(mask)
    assert fractions.max() < 1


def test_a_tower_without_tokens_is_refused():
    tower = SimpleNamespace(visual=torch.nn.Conv2d(3, 3, 1))
    with pytest.raises(ConfigError, match="not a vision transformer"):
        ClipEncoder(SimpleNamespace(model=tower))


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_runs_in_every_type(tiny_clip, half_clip, picture, four_masks, mode):
    exact = region_features(tiny_clip, picture, four_masks, settings(mode=mode))
    found = region_features(half_clip, picture, four_masks, settings(mode=mode))
    assert found.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(found, exact).min() > 0.99


@pytest.mark.parametrize("changes", [{}, {"antialias": False, "token_coverage": "fraction"}])
@pytest.mark.parametrize("mode", MODES)
def test_pieces_change_nothing(tiny_clip, picture, four_masks, mode, changes, monkeypatch):
    whole = region_features(tiny_clip, picture, four_masks, settings(mode=mode, **changes))
    monkeypatch.setattr(memory.pieces, "__defaults__", (1,))
    assert torch.equal(region_features(tiny_clip, picture, four_masks, settings(mode=mode, **changes)), whole)
