"""Every model that open_clip knows is used or refused in one line that says why."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import pytest
import torch

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.text import TextEncoder
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.models.clip_architectures import clip_config, refusal
from hybridgl_ros.models.clip_weights import is_plain
from hybridgl_ros.models.loading import ClipModel, empty_clip, other_clip

CONFIGS = sorted((Path(open_clip.__file__).parent / "model_configs").glob("*.json"))
TEXT = {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
VISION = {"image_size": 32, "layers": 2, "width": 16, "head_width": 8, "patch_size": 16}
TINY = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": TEXT}


def test_every_model_of_open_clip_is_used_or_refused_in_a_line():
    used, refused = [], {}
    for name in [file.stem for file in CONFIGS]:
        try:
            config = clip_config(name)
            with torch.device("meta"):
                model = ClipModel.of(empty_clip(config) if is_plain(config) else other_clip(config))
            TextEncoder(ClipEncoder(model))
            used.append(name)
        except ConfigError as error:
            refused[name] = str(error)
    assert all("\n" not in reason and len(reason) < 200 for reason in refused.values())
    assert {"ViT-B-16", "ViT-L-14", "ViT-L-14-336", "ViT-H-14-378-quickgelu", "ViT-M-16-alt"} <= set(used)
    assert {"EVA02-B-16", "EVA02-L-14", "EVA02-L-14-336", "EVA01-g-14"} <= set(used)
    assert not [name for name in used if not name.startswith(("ViT-", "EVA"))]
    assert len(used) + len(refused) == len(CONFIGS)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("ViT-Z-99", "knows no model 'ViT-Z-99'$"),
        (
            "ViT-B-16-SigLIP",
            r"cannot be used: its image feature is attention over all tokens, .* \(timm",
        ),
        ("EVA02-E-14", r"the blocks of its image tower norm what they add, not what they read \(timm's eva02_enormous"),
        ("MobileCLIP-B", "its image tower is timm's vit_base_mci_224, not a transformer of open_clip's own"),
        ("convnext_base", "its image tower is timm's convnext_base"),
        ("MobileCLIP-S1", r"its image feature is the mean of all tokens, not a class token's \(timm's fastvit_mci1\)"),
        ("ViT-L-14-CLIPA", "its image feature is the mean of all tokens"),
        ("coca_ViT-B-32", r"it is no plain CLIP \(it has multimodal_cfg\)"),
        ("xlm-roberta-base-ViT-B-32", "its text tower is xlm-roberta-base of Hugging Face"),
        ("ViT-H-14-worldwide", "its tokenizer is .* of Hugging Face, not CLIP's own"),
        ("/nowhere/model.json", "not readable"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(architecture, message):
    with pytest.raises(ConfigError, match=message):
        clip_config(architecture)


@pytest.mark.parametrize(
    ("vision", "text", "message"),
    [
        ({"attentional_pool": True}, {}, "attention over all tokens"),
        ({"pool_type": "avg"}, {}, "mean of all tokens"),
        ({"pool_type": "none"}, {}, "pool_type none"),
        ({"qk_norm": True}, {}, r"image tower are of another kind \(qk_norm\)"),
        ({}, {"no_causal_mask": True}, "looks forwards"),
        ({}, {"embed_cls": True}, "not that of the end of the text$"),
        ({}, {"pool_type": "last"}, r"not that of the end of the text \(last\)"),
        ({}, {"hf_tokenizer_name": "bert-base-uncased"}, "tokenizer is bert-base-uncased"),
        ({}, {"scale_fc": True}, r"text tower are of another kind \(scale_fc\)"),
    ],
)
def test_a_file_of_arguments_is_refused_with_the_reason(vision, text, message, tmp_path):
    config = {**TINY, "vision_cfg": VISION | vision, "text_cfg": TEXT | text}
    (tmp_path / "model.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=f"model.json cannot be used: .*{message}"):
        clip_config(str(tmp_path / "model.json"))


@pytest.mark.parametrize("config", [{}, [], {"vision_cfg": 3, "text_cfg": {}}, {"vision_cfg": {}}])
def test_what_is_no_configuration_is_refused(config):
    assert refusal(config) == "it names no vision_cfg and text_cfg"


def test_a_resnet_is_refused_where_tokens_are_wanted():
    with torch.device("meta"):
        model = ClipModel.of(other_clip(clip_config("RN50-quickgelu")))
    with pytest.raises(ConfigError, match="ModifiedResNet is not a vision transformer with a class token"):
        ClipEncoder(model)
