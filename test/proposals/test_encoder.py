"""SAM's image encoder in pieces gives segment_anything's embedding."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from segment_anything.modeling import ImageEncoderViT
from segment_anything.modeling.image_encoder import get_rel_pos
from torch import nn

from hybridgl_ros.models.embedded_sam import build_embedded_sam
from hybridgl_ros.models.precision import hold_in, multiplying_in
from hybridgl_ros.proposals import encoder
from hybridgl_ros.proposals.encoder import embed_image


def seeded(model: nn.Module) -> nn.Module:
    """Positions are zeros in a fresh encoder."""
    for name, values in model.requires_grad_(False).eval().named_parameters():
        if "pos" in name:
            values.normal_(0, 0.5)
    return model


def small_encoder(**changes) -> ImageEncoderViT:
    sizes = {"img_size": 96, "patch_size": 8, "embed_dim": 40, "depth": 3, "num_heads": 2, "out_chans": 16}
    sizes |= {"norm_layer": partial(nn.LayerNorm, eps=1e-6), "use_rel_pos": True, "window_size": 5}
    torch.manual_seed(3)
    return seeded(ImageEncoderViT(**{**sizes, "global_attn_indexes": (1,), **changes}))


@pytest.mark.parametrize("in_windows", [encoder.attend_in_windows, encoder.attend_in_whole_windows])
@pytest.mark.parametrize("cached", [1, 30_000, encoder.CACHED])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"window_size": 4},
        {"window_size": 16},
        {"window_size": 0},
        {"use_rel_pos": False},
        {"use_abs_pos": False},
        {"qkv_bias": False},
        {"num_heads": 5},
    ],
)
def test_the_embedding_is_that_of_the_published_encoder(changes, cached, in_windows, monkeypatch):
    monkeypatch.setattr(encoder, "CACHED", cached)
    # On a processor as on a GPU.
    monkeypatch.setattr(encoder, "attend_in_windows", in_windows)
    model, pixels = small_encoder(**changes), torch.randn(1, 3, 96, 96)
    with torch.inference_mode():
        expected, (found,) = model(pixels), embed_image(model, pixels)
    assert expected.std() > 0.5
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("learnt", "length"), [(27, 14), (27, 9), (11, 14), (1, 1)])
def test_distances_are_those_of_the_published_encoder(learnt, length):
    table = torch.randn(learnt, 8)
    assert torch.equal(encoder.distances(table, length), get_rel_pos(length, length, table))


def test_the_small_sam_embeds_the_same():
    torch.manual_seed(5)
    model, pixels = seeded(build_embedded_sam()).image_encoder, torch.randn(1, 3, 256, 256)
    with torch.inference_mode():
        torch.testing.assert_close(embed_image(model, pixels)[0], model(pixels), rtol=0, atol=1e-4)


@pytest.mark.parametrize("changes", [{}, {"window_size": 0}, {"use_rel_pos": False}, {"qkv_bias": False}])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_embedding_is_much_the_same_in_every_type(dtype, changes):
    model, pixels = small_encoder(**changes), torch.randn(1, 3, 96, 96)
    with torch.inference_mode():
        exact = model(pixels)
        hold_in(dtype, model)
        with multiplying_in(dtype, pixels.device):
            (found,) = embed_image(model, pixels)
    assert not torch.equal(found, exact)
    assert (found - exact).abs().mean() < 0.02 * exact.abs().mean()


def test_weights_stay_as_they_are():
    model = small_encoder()
    before = {name: values.clone() for name, values in model.state_dict().items()}
    pixels = torch.randn(1, 3, 96, 96)
    kept = pixels.clone()
    with torch.inference_mode():
        embed_image(model, pixels)
    assert torch.equal(pixels, kept)
    assert all(torch.equal(before[name], values) for name, values in model.state_dict().items())
