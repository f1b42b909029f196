"""State dicts as people have them: wrapped, prefixed, and in Hugging Face's names."""

from __future__ import annotations

import open_clip
import pytest
import torch
from segment_anything import sam_model_registry

from hybridgl_ros.errors import WeightsError
from hybridgl_ros.models.embedded_sam import build_embedded_sam
from hybridgl_ros.models.layouts import native_clip, unwrapped
from hybridgl_ros.models.loading import misfits
from hybridgl_ros.models.sam_layouts import native_sam
from hybridgl_ros.models.state import read_state

WEIGHTS = {"visual.conv1.weight": torch.ones(2, 2), "logit_scale": torch.ones(())}
CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 24, "head_width": 8, "patch_size": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
}
POSITIONS = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
# Of transformers' CLIPModel; {} is a block's number.
HUGGING_FACE_BLOCK = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def hugging_face_clip(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of an open_clip CLIP as transformers' CLIPModel names them."""
    found = {
        "logit_scale": state["logit_scale"],
        "text_projection.weight": state["text_projection"].T,
        "visual_projection.weight": state["visual.proj"].T,
        "text_model.embeddings.position_ids": torch.arange(12)[None],
        "text_model.embeddings.token_embedding.weight": state["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": state["positional_embedding"],
        "vision_model.embeddings.position_ids": torch.arange(5)[None],
        "vision_model.embeddings.class_embedding": state["visual.class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": state["visual.positional_embedding"],
    }
    for part in ("weight", "bias"):
        found[f"text_model.final_layer_norm.{part}"] = state[f"ln_final.{part}"]
        found[f"vision_model.pre_layrnorm.{part}"] = state[f"visual.ln_pre.{part}"]
        found[f"vision_model.post_layernorm.{part}"] = state[f"visual.ln_post.{part}"]
        for theirs, ours, blocks in (("text_model", "transformer", 1), ("vision_model", "visual.transformer", 2)):
            for block in range(blocks):
                left, right = f"{theirs}.encoder.layers.{block}", f"{ours}.resblocks.{block}"
                for name, native in HUGGING_FACE_BLOCK.items():
                    found[f"{left}.{name}.{part}"] = state[f"{right}.{native}.{part}"]
                for name, share in zip("qkv", state[f"{right}.attn.in_proj_{part}"].chunk(3)):
                    found[f"{left}.self_attn.{name}_proj.{part}"] = share
    return found


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "ema"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "clip_model.", "module.model.", "_orig_mod."])
def test_training_checkpoints_are_unwrapped(tmp_path, key, prefix):
    state = {prefix + name: value for name, value in WEIGHTS.items()}
    torch.save({"epoch": 3, "optimizer": {"lr": 0.1}, key: state}, tmp_path / "m.pt")
    assert read_state(tmp_path / "m.pt").keys() == WEIGHTS.keys()


def test_the_weights_themselves_come_before_their_average_and_nests_are_opened():
    other = {name: value * 2 for name, value in WEIGHTS.items()}
    assert unwrapped({"ema": other, "model": WEIGHTS}) == WEIGHTS
    assert unwrapped({"ema": {"decay": 0.99, "module": WEIGHTS}}) == WEIGHTS


@pytest.mark.parametrize(
    "content", [{}, {"epoch": 3}, {"model": 3}, [1, 2], {"a": torch.ones(1), "model.a": torch.ones(1)}]
)
def test_what_holds_no_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "m.pt")
    with pytest.raises(WeightsError, match="holds"):
        read_state(tmp_path / "m.pt")


def test_hugging_face_clips_come_out_as_the_original():
    torch.manual_seed(0)
    original = open_clip.CLIP(**CLIP).state_dict()
    converted = native_clip(hugging_face_clip(original))
    assert converted.keys() == {name for name in original if name != "attn_mask"}
    assert all(torch.equal(converted[name], original[name]) for name in converted)
    assert native_clip(original) is original


def test_hugging_face_sams_come_out_as_the_original():
    """Names of transformers' SamModel at places that the rules must not mix up, and the whole vocabulary of ours."""
    wanted = build_embedded_sam().state_dict()
    assert native_sam(wanted) is wanted
    pairs = {
        "vision_encoder.pos_embed": "image_encoder.pos_embed",
        "vision_encoder.patch_embed.projection.bias": "image_encoder.patch_embed.proj.bias",
        "vision_encoder.layers.5.layer_norm2.weight": "image_encoder.blocks.5.norm2.weight",
        "vision_encoder.layers.0.attn.rel_pos_h": "image_encoder.blocks.0.attn.rel_pos_h",
        "vision_encoder.layers.0.mlp.lin1.bias": "image_encoder.blocks.0.mlp.lin1.bias",
        "vision_encoder.neck.conv1.weight": "image_encoder.neck.0.weight",
        "vision_encoder.neck.layer_norm1.bias": "image_encoder.neck.1.bias",
        "vision_encoder.neck.conv2.weight": "image_encoder.neck.2.weight",
        "vision_encoder.neck.layer_norm2.bias": "image_encoder.neck.3.bias",
        "shared_image_embedding.positional_embedding": POSITIONS,
        "prompt_encoder.shared_embedding.positional_embedding": POSITIONS,
        "prompt_encoder.mask_embed.conv1.weight": "prompt_encoder.mask_downscaling.0.weight",
        "prompt_encoder.mask_embed.layer_norm2.weight": "prompt_encoder.mask_downscaling.4.weight",
        "prompt_encoder.mask_embed.conv3.bias": "prompt_encoder.mask_downscaling.6.bias",
        "prompt_encoder.point_embed.3.weight": "prompt_encoder.point_embeddings.3.weight",
        "prompt_encoder.not_a_point_embed.weight": "prompt_encoder.not_a_point_embed.weight",
        "mask_decoder.transformer.layers.1.layer_norm4.weight": "mask_decoder.transformer.layers.1.norm4.weight",
        "mask_decoder.transformer.layer_norm_final_attn.bias": "mask_decoder.transformer.norm_final_attn.bias",
        "mask_decoder.upscale_conv1.weight": "mask_decoder.output_upscaling.0.weight",
        "mask_decoder.upscale_layer_norm.weight": "mask_decoder.output_upscaling.1.weight",
        "mask_decoder.upscale_conv2.weight": "mask_decoder.output_upscaling.3.weight",
    }
    for network in ("iou_prediction_head", "output_hypernetworks_mlps.3"):
        for place, theirs in enumerate(("proj_in", "layers.0", "proj_out")):
            pairs[f"mask_decoder.{network}.{theirs}.weight"] = f"mask_decoder.{network}.layers.{place}.weight"
    converted = native_sam({theirs: wanted[ours] for theirs, ours in pairs.items()})
    assert converted.keys() == set(pairs.values())
    assert all(converted[ours] is wanted[ours] for ours in pairs.values())


def test_a_misfit_is_counted_and_five_names_are_given():
    with torch.device("meta"):
        wanted = sam_model_registry["vit_b"]().state_dict()
    other = {f"encoder.{index}": torch.ones(1) for index in range(300)} | {
        "mask_decoder.iou_token.weight": torch.ones(3)
    }
    problems = misfits(wanted, other)
    text = "; ".join(problems)
    assert len(text) < 500 and len(problems) == 3
    assert f"{len(wanted) - 1} missing: " in text and f"and {len(wanted) - 3} more" in text
    assert "300 unknown: encoder.0, encoder.1 and 298 more" in text
    assert "1 of another shape: mask_decoder.iou_token.weight (3, wants 1×256)" in text
    assert misfits(wanted, wanted) == []
