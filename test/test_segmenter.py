"""Edge cases of the whole path in both presets, on a random CLIP."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hybridgl_ros import memory
from hybridgl_ros import segmenter as segmenter_module
from hybridgl_ros.config import replace
from hybridgl_ros.errors import ConfigError, ExpressionError, ImageError, StoppedError
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path

PRESETS = pytest.mark.parametrize("preset", ["paper", "official"])
EXPRESSIONS = [
    "the red mug",
    "the mug on the left",
    "the mug left of the plate",
    "the small mug inside the plate",
    "top",
    "der rote Becher",
    "红色的杯子",
]


@PRESETS
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_has_a_ranked_answer(make_segmenter, picture, four_masks, preset, expression):
    segmenter = make_segmenter(four_masks, preset)
    answer = segmenter.refer(segmenter.encode(picture), expression)
    scores = [candidate.score for candidate in answer.candidates]
    assert answer.found and np.isfinite(scores).all() and scores == sorted(scores, reverse=True)
    assert answer.score == scores[0] and np.array_equal(answer.mask, four_masks[answer.candidates[0].index])
    assert answer.margin == pytest.approx(scores[0] - scores[1])
    assert answer.localisation.shape == answer.guidance.shape == picture.shape[:2]


@PRESETS
def test_a_list_of_expressions_gives_a_list_of_answers(make_segmenter, picture, four_masks, preset):
    segmenter = make_segmenter(four_masks, preset)
    scene = segmenter.encode(picture)
    together = segmenter.refer(scene, EXPRESSIONS)
    assert [answer.score for answer in together] == [segmenter.refer(scene, one).score for one in EXPRESSIONS]


@PRESETS
def test_no_proposals_is_an_answer(make_segmenter, picture, preset):
    segmenter = make_segmenter(np.zeros((0, 40, 60), bool), preset)
    answer = segmenter.refer(segmenter.encode(picture), "the mug")
    assert not answer.found and not answer.candidates and not answer.mask.any()
    assert "nothing found" in answer.reason


@PRESETS
def test_one_proposal_is_scored(make_segmenter, picture, four_masks, preset):
    segmenter = make_segmenter(four_masks[:1], preset)
    for expression in EXPRESSIONS:
        answer = segmenter.refer(segmenter.encode(picture), expression)
        assert answer.found and np.isfinite(answer.score) and answer.margin == 0


@PRESETS
def test_empty_and_full_masks_are_dropped(make_segmenter, picture, four_masks, preset):
    extra = np.stack([np.zeros((40, 60), bool), np.ones((40, 60), bool)])
    scene = make_segmenter(np.concatenate([extra, four_masks]), preset).encode(picture)
    assert len(scene.proposals) == 4 and scene.proposals.dropped == 2


@PRESETS
def test_a_constant_map_does_not_divide_by_zero(make_segmenter, four_masks, preset):
    segmenter = make_segmenter(four_masks, preset)
    scene = segmenter.encode(np.full((40, 60, 3), 128, np.uint8))
    constant = type(scene)(**{**vars(scene), "map_tokens": torch.ones_like(scene.map_tokens)})
    answer = segmenter.refer(constant, "the mug")
    assert (answer.localisation == 1).all() and np.isfinite(answer.score)


def test_a_prior_that_zeroes_the_map_does_not_divide_by_zero(make_segmenter):
    picture, masks = np.zeros((4, 1, 3), np.uint8), np.zeros((2, 4, 1), bool)
    masks[0, 0], masks[1, 3] = True, True
    segmenter = make_segmenter(masks, "official")
    answer = segmenter.refer(segmenter.encode(picture), "the mug on the right")
    assert not answer.guidance.any() and np.isfinite(answer.score)


def test_long_expressions_are_cut_and_reported(make_segmenter, picture, four_masks):
    segmenter = make_segmenter(four_masks)
    scene = segmenter.encode(picture)
    answer = segmenter.refer(scene, "the mug " * 40)
    assert answer.found and any("16 tokens" in note for note in answer.notes)
    assert not segmenter.refer(scene, "the mug").notes


def test_truncation_is_told_exactly(make_segmenter, four_masks):
    text = make_segmenter(four_masks).text
    fits = " ".join(["mug"] * 14)
    assert not text.is_truncated(fits) and text.is_truncated(fits + " mug")


@PRESETS
@pytest.mark.parametrize("expression", ["", "  "])
def test_blank_expressions_are_refused(make_segmenter, picture, four_masks, preset, expression):
    segmenter = make_segmenter(four_masks, preset)
    scene = segmenter.encode(picture)
    with pytest.raises(ExpressionError):
        segmenter.refer(scene, expression)
    assert segmenter.refer(scene, "the mug").found


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        "photo.jpg",
    ],
)
def test_bad_images_are_refused(make_segmenter, four_masks, picture, image):
    segmenter = make_segmenter(four_masks)
    with pytest.raises(ImageError):
        segmenter.encode(image)
    assert len(segmenter.encode(picture).proposals) == 4


def test_masks_of_another_size_are_refused(make_segmenter, four_masks, picture):
    segmenter = make_segmenter(four_masks)
    with pytest.raises(ImageError, match="40 × 60"):
        segmenter.encode(picture, masks=four_masks[:, :20])
    with pytest.raises(ImageError, match="bool"):
        segmenter.encode(picture, masks=four_masks.astype(np.uint8))
    assert len(segmenter.encode(picture, masks=four_masks[:2]).proposals) == 2


def test_thresholds_turn_an_answer_into_not_found(make_segmenter, picture, four_masks):
    segmenter = make_segmenter(four_masks, **{"fusion.score_threshold": 1.0})
    answer = segmenter.refer(segmenter.encode(picture), "the mug")
    assert not answer.found and not answer.mask.any() and len(answer.candidates) == 4
    assert "below the threshold 1" in answer.reason
    segmenter = make_segmenter(four_masks, **{"fusion.similarity_threshold": 1.0})
    assert "similarity" in segmenter.refer(segmenter.encode(picture), "the mug").reason


def test_a_size_word_changes_lambda(make_segmenter, picture, four_masks):
    segmenter = make_segmenter(four_masks)
    scene = segmenter.encode(picture)
    guidance = {size: segmenter.refer(scene, f"the {size} mug").candidates for size in ("red", "big", "small")}
    by_index = {size: sorted((c.index, c.guidance) for c in found) for size, found in guidance.items()}
    assert by_index["big"] != by_index["small"]
    assert max(score for _, score in by_index["small"]) < max(score for _, score in by_index["big"])


def test_switches_turn_stages_off(make_segmenter, picture, four_masks):
    plain = make_segmenter(
        four_masks, **{"relations.enabled": False, "guidance.coherence": False, "guidance.position": False}
    )
    scene = plain.encode(picture)
    answer = plain.refer(scene, "the mug left of the plate")
    assert scene.map_tokens is None and answer.localisation is None
    assert answer.candidates[0].similarity == max(candidate.similarity for candidate in answer.candidates)


def test_with_config_shares_models_and_refuses_others(make_segmenter, picture, four_masks):
    segmenter = make_segmenter(four_masks)
    other = segmenter.with_config(replace(segmenter.config, {"fusion.alpha": 0.0}))
    assert other.clip is segmenter.clip
    scene = segmenter.encode(picture)
    assert other.refer(scene, "the mug").score != segmenter.refer(scene, "the mug").score
    with pytest.raises(ConfigError, match="new segmenter"):
        segmenter.with_config(replace(segmenter.config, {"models.dtype": "bfloat16"}))


@PRESETS
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_feature_that_is_not_finite_costs_its_proposal_only(
    make_segmenter, picture, four_masks, preset, value, monkeypatch
):
    segmenter = make_segmenter(four_masks, preset)
    plain = segmenter.refer(make_segmenter(four_masks[1:], preset).encode(picture), "the mug on the left")
    features = segmenter.features(picture, segmenter.generator.generate(picture, None)).clone()
    features[0, 3] = value
    monkeypatch.setattr(type(segmenter), "features", lambda *_: features)
    scene = segmenter.encode(picture)
    answer = segmenter.refer(scene, "the mug on the left")
    assert answer.found and len(scene.proposals) == 3 and scene.proposals.dropped == 1
    assert answer.score == pytest.approx(plain.score, abs=1e-5) and np.array_equal(answer.mask, plain.mask)
    assert any("1 of 4 proposals were left out" in note for note in answer.notes)
    features[:] = value
    assert "nothing found" in segmenter.refer(segmenter.encode(picture), "the mug").reason


def test_an_expression_without_finite_scores_is_answered(make_segmenter, picture, four_masks, monkeypatch):
    segmenter = make_segmenter(four_masks)
    scene = segmenter.encode(picture)
    monkeypatch.setattr(segmenter.text, "encode", lambda texts: torch.full((len(texts), 16), float("nan")))
    answer = segmenter.refer(scene, "the mug")
    assert not answer.found and "no proposal has a finite score" in answer.reason


@pytest.mark.parametrize(
    ("name", "value"), [("features.start_block", 12), ("features.start_block", 63), ("guidance.map_blocks", 13)]
)
def test_more_blocks_than_the_model_has_are_refused(make_segmenter, four_masks, name, value):
    with pytest.raises(ConfigError, match=rf"{name}: {value} is outside .* clip_tabletop has 12 blocks"):
        make_segmenter(four_masks, **{name: value})
    segmenter = make_segmenter(four_masks)
    with pytest.raises(ConfigError, match=name):
        segmenter.with_config(replace(segmenter.config, {name: value}))


def test_a_device_that_is_not_there_is_refused_before_anything_is_loaded(monkeypatch):
    monkeypatch.setattr(segmenter_module, "load_pipeline", lambda *_: pytest.fail("loaded"))
    with pytest.raises(ConfigError, match=r"models.device: 'cuda:77' cannot be used: .*; there is cpu"):
        ReferringSegmenter.from_config("embedded", device="cuda:77")


def test_a_picture_that_does_not_fit_is_refused(make_segmenter, four_masks, picture, monkeypatch):
    segmenter = make_segmenter(four_masks)
    monkeypatch.setattr(memory, "available_memory", lambda: 1000)
    with pytest.raises(ImageError, match="a 60×40 picture needs about"):
        segmenter.encode(picture)
    monkeypatch.undo()
    monkeypatch.setattr(type(segmenter), "features", lambda *_: torch.empty(2**60))
    with pytest.raises(ImageError, match="not enough memory for a 60×40 picture"):
        segmenter.encode(picture)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_every_offered_type_answers(dtype):
    """The shipped models from end to end: proposals, features, map and scores in each type."""
    segmenter = ReferringSegmenter.from_config(
        "embedded",
        preset="paper",
        device="cpu",
        overrides={"models.dtype": dtype, "proposals.points_per_side": 4},
    )
    answer = segmenter.refer(segmenter.encode(TabletopSet(heldout_path())[0].image), "the red cube on the left")
    assert answer.candidates and np.isfinite(answer.score) and np.isfinite(answer.localisation).all()


def test_progress_tells_each_stage_and_before_each_batch(make_segmenter, picture, four_masks):
    segmenter = make_segmenter(four_masks, **{"features.batch_size": 1})
    told: list[str] = []
    scene = segmenter.encode(picture, progress=told.append)
    assert told == ["proposals", *["features"] * 5, "localisation"]
    segmenter.refer(scene, "the mug", told.append)
    assert told[-2:] == ["parse", "scoring"]
    told.clear()
    segmenter.refer(scene, ["the mug", "the plate"], told.append)
    assert told == ["parse", "scoring"] * 3  # all texts together, then each expression


@pytest.mark.parametrize("at", range(7))
def test_what_progress_raises_ends_the_work_and_the_next_one_is_whole(make_segmenter, picture, four_masks, at):
    segmenter = make_segmenter(four_masks, **{"features.batch_size": 1})
    told: list[str] = []

    def stop(stage: str) -> None:
        if len(told) == at:
            raise StoppedError("nobody waits any more")
        told.append(stage)

    with pytest.raises(StoppedError):
        segmenter.encode(picture, progress=stop)
    assert len(told) == at
    assert len(segmenter.encode(picture).features) == 4
