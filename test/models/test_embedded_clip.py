"""The embedded CLIP's architecture, and the training passes against ``open_clip``'s own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import open_clip
import pytest
import torch

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "hybridgl_ros" / "models" / "embedded_clip.json"
sys.path.insert(0, str(ROOT / "training"))


@pytest.fixture(scope="module")
def model() -> open_clip.CLIP:
    torch.manual_seed(0)
    return open_clip.CLIP(**json.loads(CONFIG.read_text())).eval()


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, 224, 224), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def patches_of(pixels: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.unfold(pixels.float(), 16, stride=16).transpose(1, 2).to(torch.uint8)


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD))
    return (pixels.float() / 255 - mean) / std


def test_sizes(model: open_clip.CLIP, pixels: torch.Tensor) -> None:
    assert len(model.visual.transformer.resblocks) == 12
    assert model.visual.positional_embedding.shape == (1 + 14 * 14, 128)
    assert model.visual.transformer.resblocks[0].attn.num_heads == 4
    assert type(model.visual.transformer.resblocks[0].mlp.gelu).__name__ == "QuickGELU"
    with torch.no_grad():
        assert model.encode_image(normalised(pixels)).shape == (2, 128)


def test_text_context_is_32_tokens(model: open_clip.CLIP) -> None:
    assert model.context_length == 32
    tokens = open_clip.SimpleTokenizer(context_length=model.context_length)(["red cube " * 40, "the red cube"])
    assert tokens.shape == (2, 32)
    with torch.no_grad():
        assert model.encode_text(tokens).shape == (2, 128)


def test_training_pass_is_the_models_own(model: open_clip.CLIP, pixels: torch.Tensor) -> None:
    from clip_model import VisionPasses

    with torch.no_grad():
        expected = model.encode_image(normalised(pixels))
        actual = VisionPasses(model).plain(patches_of(pixels)).feature
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)


def test_compact_text_tower_is_the_models_own(model: open_clip.CLIP) -> None:
    from clip_model import TextTower
    from clip_text import CompactTokenizer

    tokenizer = CompactTokenizer(model.context_length)
    tower = TextTower(model, len(tokenizer))
    texts = ["the red cube left of the blue ball", "a photo of a big violet mug.", "object"]
    with torch.no_grad():
        model.token_embedding.weight.copy_(tokenizer.expand(tower.rows, model.vocab_size))
        expected = model.encode_text(open_clip.SimpleTokenizer(context_length=model.context_length)(texts))
        torch.testing.assert_close(tower(*tokenizer(texts)), expected, atol=1e-4, rtol=1e-4)


def test_fusion_without_a_mask_is_the_local_view(model: open_clip.CLIP, pixels: torch.Tensor) -> None:
    from clip_model import VisionPasses

    passes, patches = VisionPasses(model), patches_of(pixels)
    outside = torch.zeros(2, 196, dtype=torch.bool)
    with torch.no_grad():
        fused, alone, _ = passes.fused(patches, patches.flip(0), outside)
        inside, _, _ = passes.fused(patches, patches.flip(0), ~outside)
    torch.testing.assert_close(fused, alone)
    torch.testing.assert_close(alone, passes.plain(patches).feature.detach(), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(inside, alone, atol=1e-3)
