"""TAS: the captioner, what is cached of it, sides, negatives, and proposals that are too small or too much alike."""

from __future__ import annotations

import fake_evaluation
import numpy as np
import pytest
import torch
from PIL import Image

from hybridgl_ros.config import load_config
from hybridgl_ros.errors import WeightsError
from hybridgl_ros.evaluation.methods._pictures import square_crop
from hybridgl_ros.evaluation.methods._sides import Side, centres, first_side
from hybridgl_ros.evaluation.methods._values import values_for
from hybridgl_ros.evaluation.methods.tas import Tas, TasValues, distinct
from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.models.download import download
from hybridgl_ros.models.registry import find_checkpoint


class Captioner:
    """Says the same of every region, and what it is told of the picture. asked: sizes of the pictures."""

    checksum = "fake"

    def __init__(self, of_the_picture: str = "a red box on a table") -> None:
        self.of_the_picture = of_the_picture
        self.asked: list[tuple[int, int]] = []

    def captions(self, pictures):
        self.asked += [picture.size for picture in pictures]
        return ["a box"] * (len(pictures) - 1) + [self.of_the_picture]


@pytest.fixture
def stages() -> Stages:
    segmenter = fake_evaluation.loader(fake_evaluation.FixedBoxes())(load_config("embedded", preset="paper"))
    return Stages(segmenter, None, {"sam": "a", "clip": "b"})


@pytest.fixture
def encode(stages, picture):
    """encode(captioner, least pixels, most overlap) → the picture under the method."""

    def call(captioner: Captioner, least: int = 0, overlap: float = 1.0):
        values = values_for("tas", TasValues)
        stages.start(picture)
        changed = TasValues(**{**vars(values), "least_pixels": least, "overlap": overlap})
        return Tas(stages.segmenter, stages, captioner, changed).encode(picture)

    return call


def test_what_is_left_out_cannot_be_the_answer(encode, stages):
    encoded = encode(Captioner(), 300, 0.4)
    masks = encoded.proposals.masks
    kept = np.flatnonzero(distinct(masks, 300, 0.4))
    answer = encoded.refer("the red box")
    assert 0 < len(kept) < len(masks)
    assert sorted(entry.index for entry in answer.candidates) == kept.tolist()
    assert sum(entry.score for entry in answer.candidates) == pytest.approx(1, abs=1e-5)
    assert [usage.stage for usage in stages.usage()] == ["proposals", "captions"]


def test_regions_and_the_picture_are_captioned_once(encode, picture):
    captioner = Captioner()
    encoded = encode(captioner)
    asked = list(captioner.asked)
    encoded.refer("the red box")
    encoded.refer("a box on the left")
    assert captioner.asked == asked and asked[-1] == picture.shape[1::-1]


def test_a_side_leaves_what_lies_there(encode):
    encoded = encode(Captioner())
    everywhere = {entry.index for entry in encoded.refer("the red box").candidates}
    top = encoded.refer("top box").candidates
    rows, _ = centres(encoded.proposals.masks).T
    assert {entry.index for entry in top} < everywhere
    assert rows[[entry.index for entry in top]].max() < np.median(rows[sorted(everywhere)])


def test_without_finite_features_the_reason_is_said(encode, stages, monkeypatch):
    encoded = encode(Captioner())
    monkeypatch.setattr(stages.segmenter.text, "encode", lambda texts: torch.full((len(texts), 16), float("nan")))
    answer = encoded.refer("the red box")
    assert not answer.found and "no proposal has a finite score" in answer.reason


def test_only_other_things_count_against(encode):
    encoded = encode(Captioner("a box beside a ball on the table"))
    assert encoded.negatives("the old box") == ["a photo of a ball", "a photo of the table"]
    assert encode(Captioner("a box")).negatives("the box") == []
    assert np.isfinite(encode(Captioner("a box")).similarity("the box", "the box")).all()


def test_overlapping_and_small_masks_are_left_out():
    masks = np.zeros((4, 20, 20), bool)
    masks[0, :10, :10], masks[1, :10, 5:12], masks[2, 15:17, :], masks[3, 18, 18] = True, True, True, True
    # 50 of the second one's 70 pixels lie in the first.
    assert distinct(masks, 2, 0.4).tolist() == [True, False, True, False]
    assert distinct(masks, 2, 0.8).tolist() == [True, True, True, False]
    assert distinct(masks, 1000, 0.4).all()


def test_sides_are_quarters_around_the_medians():
    masks = np.zeros((4, 10, 10), bool)
    masks[0, 1, 1], masks[1, 1, 8], masks[2, 8, 1], masks[3, 8, 8] = True, True, True, True
    assert Side("above", "left").holds(masks).tolist() == [True, False, False, False]
    assert Side("below").holds(masks).tolist() == [False, False, True, True]
    assert Side("", "right").holds(masks).tolist() == [False, True, False, True]
    assert Side().holds(masks).all()
    assert first_side("the laptop", {"above": ["top"], "below": ["low"]}, ("above", "below")) == "above"


def test_a_crop_is_squared_and_never_empty():
    picture = np.full((30, 40, 3), 9, np.uint8)
    assert square_crop(picture, np.array([2, 3, 10, 20], np.float32)).size == (20, 20)
    assert square_crop(picture, np.array([2, 3, 0, 0], np.float32)).size == (1, 1)


def small_blip2():
    """A seeded BLIP-2 of a few thousand weights."""
    transformers = pytest.importorskip("transformers")
    config = transformers.Blip2Config(
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        qformer_config={
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "encoder_hidden_size": 16,
            "vocab_size": 60,
        },
        text_config={
            "model_type": "opt",
            "vocab_size": 60,
            "hidden_size": 16,
            "ffn_dim": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "word_embed_proj_dim": 16,
            "max_position_embeddings": 64,
            "bos_token_id": 2,
            "eos_token_id": 3,
            "pad_token_id": 1,
        },
        num_query_tokens=4,
        image_token_index=59,
    )
    torch.manual_seed(0)
    return transformers.Blip2ForConditionalGeneration(config).eval()


class Letters:
    """A tokenizer of one letter a token."""

    def batch_decode(self, tokens, skip_special_tokens):
        return ["".join(chr(97 + int(token) % 26) for token in row if int(token) > 3) + " " for row in tokens]


def test_a_captioner_is_loaded_by_its_registry_name(tmp_path, monkeypatch):
    """From the folder that a download leaves."""
    pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    from hybridgl_ros.evaluation.methods._captions import load_captioner

    model = small_blip2()
    model.save_pretrained(tmp_path / "model")
    words = {word: number for number, word in enumerate(["?", "-", "<s>", "</s>", *(f"w{i}" for i in range(56))])}
    known = {"unk_token": "?", "pad_token": "-", "bos_token": "<s>", "eos_token": "</s>"}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="?"))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **known).save_pretrained(tmp_path / "model")
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path / "cache"))
    with pytest.raises(WeightsError, match="run: hybridgl download blip2_opt"):
        load_captioner("blip2_opt", "cpu", 2, 5)
    download(find_checkpoint("blip2_opt"), source=tmp_path / "model")
    captioner = load_captioner("blip2_opt", "cpu", 2, 5)
    (text,) = captioner.captions([Image.new("RGB", (40, 30), "red")])
    assert set(text.split()) <= set(words) and text and len(captioner.checksum) == 64


def test_captions_are_those_of_transformers_own_processor():
    transformers = pytest.importorskip("transformers")
    from hybridgl_ros.evaluation.methods._captions import Blip2Captioner, squashed

    model = small_blip2()
    pictures = [
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 33, 3), dtype=np.uint8)) for seed in (0, 1)
    ]
    processor = transformers.BlipImageProcessor(size={"height": 28, "width": 28})
    pixels = processor(pictures, return_tensors="pt")["pixel_values"]
    assert torch.allclose(torch.cat([squashed(picture, 28) for picture in pictures]), pixels, atol=0.02)
    captioner = Blip2Captioner(model, Letters(), "checksum", beams=2, tokens=5)
    got = captioner.captions(pictures)
    for picture, text in zip(pictures, got):
        tokens = model.generate(pixel_values=squashed(picture, 28), num_beams=2, max_new_tokens=5, do_sample=False)
        assert text == Letters().batch_decode(tokens, True)[0].strip() and text
