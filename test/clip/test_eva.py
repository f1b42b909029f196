"""EVA's blocks, computed from timm's weights, are timm's; a segmenter runs on a CLIP with an EVA."""

from __future__ import annotations

import json
from types import SimpleNamespace

import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.eva import Eva

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.eva import EvaTower
from hybridgl_ros.clip.fusion import region_features
from hybridgl_ros.clip.text import TextEncoder
from hybridgl_ros.config import load_config
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.methods._placed_tokens import region_tokens
from hybridgl_ros.evaluation.methods.car import ClipAsRnn
from hybridgl_ros.models.loading import load_clip
from hybridgl_ros.segmenter import ReferringSegmenter

SIDE, PATCH, DEPTH = 64, 16, 5
TEXT = {"context_length": 20, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
TEXTS = ["a red mug", "the ball on the left"]
# The kinds of EVA-CLIP, narrow: what timm's eva02_base_patch16_clip_224, eva02_large_… and eva_giant_patch14_224 state.
KINDS = {
    "eva02_narrow": {
        "qkv_fused": False,
        "mlp_ratio": 4 * 2 / 3,
        "swiglu_mlp": True,
        "scale_mlp": True,
        "scale_attn_inner": True,
        "use_rot_pos_emb": True,
        "ref_feat_shape": (5, 5),
    },
    "eva_narrow": {"mlp_ratio": 3.0},
    "eva_scaled": {"init_values": 0.3, "qk_norm": True, "qkv_fused": False},
}


def narrow(name: str, **changes) -> Eva:
    sizes = {"img_size": SIDE, "patch_size": PATCH, "embed_dim": 32, "depth": DEPTH, "num_heads": 4}
    return Eva(**{**sizes, "global_pool": "token", **KINDS.get(name, {}), **changes})


@pytest.fixture(autouse=True)
def known_to_timm(monkeypatch):
    """timm makes the narrow ones by their names."""

    def create(name, num_classes, global_pool, pretrained):
        assert global_pool == "token" and not pretrained
        return narrow(name, num_classes=num_classes)

    monkeypatch.setattr(open_clip.timm_model, "timm", SimpleNamespace(create_model=create, layers=timm.layers))


def config_of(name: str) -> dict:
    vision = {"image_size": SIDE, "timm_model_name": name, "timm_pool": "token", "timm_proj": None}
    return {"embed_dim": 16, "vision_cfg": vision, "text_cfg": TEXT, "custom_text": True}


@pytest.fixture(params=KINDS)
def model(request, register, tmp_path):
    """open_clip's own, seeded; loaded as `mine`."""
    torch.manual_seed(5)
    config = config_of(request.param)
    model = open_clip.CustomTextCLIP(**{key: value for key, value in config.items() if key != "custom_text"})
    for name, values in model.named_parameters():
        if values.ndim < 2 or "pos_embed" in name or "token" in name:
            values.data += 0.3 * torch.randn_like(values)
    (tmp_path / "mine.json").write_text(json.dumps(config))
    save_file({name: values.contiguous() for name, values in model.state_dict().items()}, tmp_path / "m.safetensors")
    register("mine", "clip", str(tmp_path / "mine.json"), tmp_path / "m.safetensors")
    model.kind = request.param
    return model.eval().requires_grad_(False)


def test_features_are_those_of_open_clip(model):
    clip = ClipEncoder(load_clip("mine"))
    assert (clip.input_size, clip.grid, len(clip.blocks)) == (SIDE, (4, 4), DEPTH)
    pixels = torch.randn(2, 3, SIDE, SIDE)
    found = clip.project(clip.run(clip.embed(pixels), 0, DEPTH))[:, 0]
    torch.testing.assert_close(found, model.encode_image(pixels), rtol=1e-4, atol=1e-4)
    texts = model.encode_text(clip.tokenize(TEXTS))
    torch.testing.assert_close(TextEncoder(clip).encode(TEXTS), texts, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_features_point_the_same_way(model, picture, four_masks, dtype):
    settings = load_config("embedded", preset="paper", overrides={"features.start_block": 2}).features
    exact, half = (
        region_features(ClipEncoder(load_clip("mine", dtype=kind)), picture, four_masks, settings)
        for kind in (torch.float32, dtype)
    )
    assert not torch.equal(exact, half)
    assert torch.cosine_similarity(exact, half).min() > 0.999


def test_a_larger_picture_is_seen_as_timm_sees_it(model):
    clip = ClipEncoder(load_clip("mine"))
    larger = narrow(model.kind, num_classes=16, dynamic_img_size=True).eval()
    larger.load_state_dict(model.visual.trunk.state_dict())
    pixels = torch.randn(1, 3, 6 * PATCH, 6 * PATCH)
    expected = larger.forward_features(pixels)
    found = clip.visual.ln_post[0](clip.run(clip.embed(pixels), 0, DEPTH))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_what_the_class_token_may_see_is_what_timm_lets_it_see(model):
    clip, trunk = ClipEncoder(load_clip("mine")), model.visual.trunk
    tokens, sees = torch.randn(3, 17, 32), torch.rand(3, 17) > 0.5
    sees[:, 0] = True
    everything = torch.cat([sees[:, None], sees.new_ones(3, 16, 17)], dim=1)
    mask = torch.zeros(3, 1, 17, 17).masked_fill(~everything[:, None], -1e9)
    rope = None if trunk.rope is None else trunk.rope.get_embed()
    expected = trunk.blocks[1](tokens, rope=rope, attn_mask=mask)
    block = clip.blocks[1]
    torch.testing.assert_close(block(tokens, sees), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(block.rows(tokens, slice(1), sees[:, None]), expected[:, :1], rtol=1e-4, atol=1e-4)
    some = torch.tensor([4, 0, 9])
    free = trunk.blocks[1](tokens, rope=rope)
    torch.testing.assert_close(block.rows(tokens, some), free[:, some], rtol=1e-4, atol=1e-4)
    query, key, value = block.projections(block.norm(tokens))
    attended = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    torch.testing.assert_close(block.finish(tokens, attended), free, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", ["G2L", "L2G", "G(tok_mask)"])
def test_a_segmenter_runs_on_it(model, picture, four_masks, mode):
    wanted = {"models.clip": "mine", "features.start_block": 2, "features.mode": mode, "guidance.map_blocks": 3}
    wanted |= {"guidance.coherence": True, "guidance.map_size": 6 * PATCH}
    segmenter = ReferringSegmenter.from_config("embedded", preset="paper", overrides=wanted)
    scene = segmenter.encode(picture, masks=four_masks)
    assert scene.features.shape == (4, 16) and scene.features.isfinite().all() and scene.features.std(dim=0).max() > 0
    assert scene.map_tokens.shape == (36, 16)
    assert segmenter.refer(scene, "the red mug on the left").mask.any()


def test_methods_that_look_into_open_clips_blocks_refuse_it(model):
    clip = ClipEncoder(load_clip("mine"))
    with pytest.raises(ConfigError, match="CLIP as RNN cannot use EVA"):
        ClipAsRnn(SimpleNamespace(clip=clip), None)
    with pytest.raises(ConfigError, match="Ref-Diff cannot use EVA"):
        region_tokens(clip, torch.zeros(3, SIDE, SIDE))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"use_post_norm": True}, "blocks of the kind EvaBlockPostNorm with EvaAttention cannot"),
        ({"use_rot_pos_emb": True, "rope_rotate_half": True}, "EvaBlock with EvaAttention and rotate_half cannot"),
        ({"attn_type": "rope"}, "EvaBlock with AttentionRope cannot"),
        ({"global_pool": "avg"}, "not that of one class token"),
        ({"num_reg_tokens": 2}, "not that of one class token"),
    ],
)
def test_evas_of_other_kinds_are_refused(changes, said):
    visual = SimpleNamespace(trunk=narrow("", **changes), image_size=(SIDE, SIDE), head=torch.nn.Identity())
    with pytest.raises(ConfigError, match=said):
        EvaTower(visual)
