"""CLIPs of other sizes and kinds, seeded and narrow: open_clip's own features, and a segmenter that runs on them."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.text import TextEncoder
from hybridgl_ros.models.clip_architectures import known_config
from hybridgl_ros.models.loading import load_clip
from hybridgl_ros.segmenter import ReferringSegmenter

NARROW_TEXT = {"context_length": 20, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
TEXTS = ["a red mug", "the ball on the left"]


def narrow(config: dict, **vision) -> dict:
    """A model's configuration with its own depth, patches and kinds of layers, but few channels and a small input."""
    own = config["vision_cfg"]
    sizes = {"width": 32, "head_width": 8, "image_size": 4 * own.get("patch_size", 16)}
    return {**config, "embed_dim": 16, "vision_cfg": {**own, **sizes, **vision}, "text_cfg": NARROW_TEXT}


CONFIGS = {
    name: narrow(known_config(name))
    for name in ("ViT-L-14", "ViT-L-14-336-quickgelu", "ViT-H-14", "ViT-bigG-14", "ViT-B-32-256", "ViT-M-16-alt")
}
CONFIGS |= {
    "without the first norm": narrow(known_config("ViT-S-16"), no_ln_pre=True),
    "fixed positions": narrow(known_config("ViT-S-16"), pos_embed_type="sin_cos_2d"),
    "another epsilon": narrow(known_config("ViT-S-16"), norm_kwargs={"eps": 0.1}),
    "the last norm behind the pool": narrow(known_config("ViT-S-16"), final_ln_after_pool=True),
    "text apart": {**narrow(known_config("ViT-S-16")), "custom_text": True, "init_logit_bias": -10.0},
}


@pytest.fixture(params=CONFIGS)
def loaded(request, register, tmp_path):
    """(open_clip's own model, its configuration), known as `mine`."""
    config = CONFIGS[request.param]
    torch.manual_seed(3)
    kind = open_clip.CustomTextCLIP if config.get("custom_text") else open_clip.CLIP
    model = kind(**{key: value for key, value in config.items() if key != "custom_text"})
    for values in model.parameters():
        if values.ndim < 2:
            values.data += 0.1 * torch.randn_like(values)
    (tmp_path / "mine.json").write_text(json.dumps(config))
    save_file(model.state_dict(), tmp_path / "mine.safetensors")
    register("mine", "clip", str(tmp_path / "mine.json"), Path(tmp_path / "mine.safetensors"))
    return model.eval().requires_grad_(False), config


def test_features_are_those_of_open_clip(loaded):
    model, config = loaded
    clip = ClipEncoder(load_clip("mine"))
    pixels = torch.randn(2, 3, clip.input_size, clip.input_size)
    found = clip.project(clip.run(clip.embed(pixels), 0, len(clip.blocks)))[:, 0]
    torch.testing.assert_close(found, model.encode_image(pixels), rtol=1e-4, atol=1e-4)
    texts = model.encode_text(clip.tokenize(TEXTS))
    torch.testing.assert_close(TextEncoder(clip).encode(TEXTS), texts, rtol=1e-4, atol=1e-4)
    assert len(clip.blocks) == config["vision_cfg"].get("layers", 12)


def test_a_segmenter_runs_on_it(loaded, picture, four_masks):
    _, config = loaded
    layers, patch = config["vision_cfg"].get("layers", 12), config["vision_cfg"].get("patch_size", 16)
    sizes = {"features.start_block": layers - 3, "guidance.map_blocks": min(6, layers), "guidance.map_size": 6 * patch}
    segmenter = ReferringSegmenter.from_config(
        "embedded", preset="paper", overrides={"models.clip": "mine", "guidance.coherence": True, **sizes}
    )
    scene = segmenter.encode(picture, masks=four_masks)
    assert scene.features.shape == (4, 16) and scene.features.isfinite().all() and scene.features.std(dim=0).max() > 0
    assert scene.map_tokens.shape == (36, 16)
    assert segmenter.refer(scene, "the red mug on the left").mask.any()
