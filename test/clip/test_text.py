"""The text tower over a tree of tokens gives what open_clip's own gives for each text."""

from __future__ import annotations

from types import SimpleNamespace

import open_clip
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.clip import text as text_module
from hybridgl_ros.clip.text import TextEncoder, TokenTree
from hybridgl_ros.errors import ConfigError

TEXTS = [
    "the red mug",
    "the red mug left of the plate",
    "a photo of a the red mug.",
    "a photo of a plate",
    "",
    "the",
    "mug " * 40,
    "红色的杯子",
]


def plain(clip, texts):
    with torch.inference_mode():
        return torch.cat([clip.model.encode_text(clip.tokenize([text])) for text in texts])


@pytest.mark.parametrize("together", [True, False])
def test_features_are_those_of_open_clip(tiny_clip, together):
    encoder = TextEncoder(tiny_clip)
    found = encoder.encode(TEXTS) if together else torch.cat([encoder.encode([text]) for text in TEXTS])
    assert torch.allclose(found, plain(tiny_clip, TEXTS), atol=1e-5)


def test_many_texts_make_several_trees(tiny_clip, monkeypatch):
    monkeypatch.setattr(text_module, "TREE_TEXTS", 3)
    assert torch.allclose(TextEncoder(tiny_clip).encode(TEXTS), plain(tiny_clip, TEXTS), atol=1e-5)


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=8))
def test_a_tree_holds_every_beginning_once(sequences):
    tree = TokenTree.of(sequences)
    beginnings = {tuple(sequence[: end + 1]) for sequence in sequences for end in range(len(sequence))}
    assert len(tree.tokens) == len(beginnings)
    for sequence, end in zip(sequences, tree.ends.tolist(), strict=True):
        seen = tree.sees[end].nonzero().flatten()
        ordered = seen[tree.depths[seen].argsort()]
        assert tree.tokens[ordered].tolist() == sequence and tree.depths[ordered].tolist() == list(range(len(sequence)))


def test_a_tower_that_looks_forwards_is_refused():
    model = open_clip.CLIP(
        embed_dim=8,
        vision_cfg={"image_size": 16, "layers": 1, "width": 8, "head_width": 8, "patch_size": 16},
        text_cfg={"context_length": 8, "width": 8, "heads": 1, "layers": 1, "no_causal_mask": True},
    )
    with pytest.raises(ConfigError, match="look backwards"):
        TextEncoder(SimpleNamespace(model=model))
