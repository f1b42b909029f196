"""Every method answers over the same proposals, and does what its paper says."""

from __future__ import annotations

from types import SimpleNamespace

import fake_evaluation
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.config import load_config, replace
from hybridgl_ros.errors import ConfigError, WeightsError
from hybridgl_ros.evaluation.methods import find_method, grad_cam, maskclip, method_names
from hybridgl_ros.evaluation.methods._ranking import ranked_answer
from hybridgl_ros.evaluation.methods._resnet import ResNetMaps
from hybridgl_ros.evaluation.plan import ablation_runs, ablations, method_runs, paper_results
from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.proposals import proposals_from_masks
from hybridgl_ros.types import Parse, Scene

RESNET = {"image_size": 64, "layers": (1, 1, 1, 1), "width": 8, "patch_size": None}


@pytest.fixture
def config():
    return load_config("embedded", preset="paper")


@pytest.fixture
def stages(config) -> Stages:
    segmenter = fake_evaluation.loader(fake_evaluation.FixedBoxes())(config)
    return Stages(segmenter, None, {"sam": "a", "clip": "b"})


@pytest.fixture
def answer(config, stages, picture):
    """answer(method name, expression) → Answer."""

    def call(name: str, expression: str):
        found = find_method(name)
        stages.start(picture)
        return found.build(replace(config, found.settings), stages).encode(picture).refer(expression)

    return call


def test_methods_are_found_by_their_files():
    assert method_names() == [
        "car",
        "global-local",
        "grad-cam",
        "hybridgl",
        "maskclip",
        "predictions",
        "ref-diff",
        "sam-clip",
        "tas",
    ]
    with pytest.raises(ConfigError, match="no method 'clip'; there are car"):
        find_method("clip")


def test_hybridgl_is_the_library(answer, stages, picture):
    got = answer("hybridgl", "the box on the left")
    wanted = stages.segmenter.refer(stages.segmenter.encode(picture), "the box on the left")
    assert [(entry.index, entry.score) for entry in got.candidates] == [
        (entry.index, entry.score) for entry in wanted.candidates
    ]


def test_sam_clip_ranks_crops_by_the_sentence_alone(answer, stages, picture):
    got = answer("sam-clip", "the red box on the left")
    segmenter = stages.segmenter
    scene = segmenter.with_config(replace(segmenter.config, {"features.mode": "cropped"})).encode(picture)
    text = torch.nn.functional.normalize(segmenter.text.encode(["the red box on the left"])[0], dim=0)
    cosines = torch.nn.functional.normalize(scene.features, dim=1) @ text
    assert [entry.index for entry in got.candidates] == cosines.argsort(descending=True).tolist()
    assert got.localisation is None


def test_global_local_mixes_whole_and_crop(answer, stages, picture):
    segmenter, features = stages.segmenter, {}
    for weight in (1.0, 0.95, 0.0):
        settings = {**find_method("global-local").settings, "features.global_weight": weight}
        features[weight] = segmenter.with_config(replace(segmenter.config, settings)).encode(picture).features
    assert torch.allclose(features[0.95], 0.95 * features[1.0] + 0.05 * features[0.0], atol=1e-5)
    assert answer("global-local", "a box").found


@pytest.mark.parametrize("localise", [grad_cam.localise, maskclip.localise])
def test_maps_point_at_the_channel_of_the_text(localise):
    activations = torch.full((1, 4, 3, 5), 0.1)
    activations[0, 2, 1, 3] = 2.0
    pool = SimpleNamespace(v_proj=lambda x: x, c_proj=lambda x: x)

    class Pool:
        v_proj, c_proj = staticmethod(pool.v_proj), staticmethod(pool.c_proj)

        def __call__(self, x):
            return x.mean(dim=(2, 3))

    text = torch.tensor([0.0, 0.0, 1.0, 0.0])
    found = localise(SimpleNamespace(attnpool=Pool()), activations, text)
    assert found.shape == (3, 5)
    assert divmod(int(found.argmax()), 5) == (1, 3)


@pytest.mark.parametrize("localise", [grad_cam.localise, maskclip.localise])
def test_resnet_maps_prefer_the_proposal_that_covers_the_map(localise, config, stages, picture):
    clip = fake_evaluation.random_clip_model(RESNET)
    method = ResNetMaps(stages.segmenter.with_config(config), stages, clip, "checksum", localise)
    stages.start(picture)
    encoded = method.encode(picture)
    got = encoded.refer("the red box")
    small = localise(clip.model.visual, encoded.activations, method.text_feature("the red box"))
    full = torch.nn.functional.interpolate(small[None, None], size=picture.shape[:2], mode="bilinear")[0, 0].numpy()
    spread = full.max() - full.min()
    wanted = [full[mask].mean() - full[~mask].mean() for mask in encoded.proposals.masks]
    assert small.shape == (2, 2) and spread > 0
    assert [entry.index for entry in got.candidates] == list(np.argsort(-np.array(wanted), kind="stable"))
    assert got.candidates[0].score == pytest.approx(max(wanted) / spread, rel=1e-4)


def test_resnet_activations_are_cached_by_their_own_weights(config, stages, picture):
    clip = fake_evaluation.random_clip_model(RESNET)
    stages.start(picture)
    for checksum in ("one", "one", "two"):
        ResNetMaps(stages.segmenter, stages, clip, checksum, maskclip.localise).encode(picture)
    assert [usage.stage for usage in stages.usage()] == ["proposals", "activations", "activations"]


@pytest.mark.parametrize("name", ["grad-cam", "maskclip"])
def test_missing_resnet_weights_name_the_command(name, answer, monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="hybridgl download clip_rn50"):
        answer(name, "a box")


def test_methods_find_nothing_where_nothing_is_proposed(stages, config, picture, monkeypatch):
    monkeypatch.setattr(
        stages.segmenter.generator,
        "generate",
        lambda image, settings: fake_evaluation.proposals_from_masks(np.zeros((0, *image.shape[:2]), bool)),
    )
    clip = fake_evaluation.random_clip_model(RESNET)
    stages.start(picture)
    for method in (
        find_method("hybridgl").build(config, stages),
        ResNetMaps(stages.segmenter, stages, clip, "c", grad_cam.localise),
    ):
        assert not method.encode(picture).refer("a box").found


def test_methods_without_finite_scores_answer_with_the_reason(stages, config, picture, monkeypatch):
    monkeypatch.setattr(stages.segmenter.text, "encode", lambda texts: torch.full((len(texts), 16), float("nan")))
    monkeypatch.setattr(ResNetMaps, "text_feature", lambda *_: torch.full((16,), float("nan")))
    clip = fake_evaluation.random_clip_model(RESNET)
    stages.start(picture)
    answers = [
        method.encode(picture).refer("a box")
        for method in (
            find_method("hybridgl").build(config, stages),
            *(ResNetMaps(stages.segmenter, stages, clip, "c", one.localise) for one in (grad_cam, maskclip)),
        )
    ]
    assert not any(answer.found or answer.candidates or answer.mask.any() for answer in answers)
    (reason,) = {answer.reason for answer in answers}
    assert "no proposal has a finite score" in reason


@given(st.lists(st.floats(width=32), min_size=5, max_size=5))
def test_what_is_ranked_is_what_is_finite(scores):
    masks = np.eye(5, 24, dtype=bool).reshape(5, 4, 6)
    scene = Scene(np.zeros((4, 6, 3), np.uint8), proposals_from_masks(masks), torch.zeros(5, 0), None, (0, 0))
    values = np.array(scores, np.float32)
    got = ranked_answer(scene, Parse("a box", "a box", "a box", "box"), values, {"scoring": 1.0})
    finite = [number for number in range(5) if np.isfinite(values[number])]
    assert [one.index for one in got.candidates] == sorted(finite, key=lambda number: -values[number])
    assert got.found == bool(finite) and bool(got.reason) != got.found
    assert np.array_equal(got.mask, masks[got.candidates[0].index] if finite else np.zeros((4, 6), bool))
    assert got.timings == {"scoring": 1.0}


def test_every_reported_row_is_a_row_that_can_be_run(config):
    rows = {name: [run.name for run in ablation_runs(config, name, {})] for name in ablations()}
    for table, reported in paper_results().items():
        assert set(reported) <= set(rows[table])
    assert len(rows["table3"]) == len(rows["table4"]) == 10
    assert rows["table5"] == ["G2L", "+ Rel", "+ G_co", "+ G_pos"]


def test_rows_change_what_their_names_say(config):
    runs = {run.name: run.config for run in ablation_runs(config, "table4", {})}
    assert (runs["L2G 11"].features.mode, runs["L2G 11"].features.start_block) == ("L2G", 11)
    last = ablation_runs(config, "table5", {})[-1]
    assert last.config == config


def test_the_users_own_changes_win(config):
    runs = ablation_runs(config, "table3", {"features.global_weight": 0.3})
    assert {run.config.features.global_weight for run in runs} == {0.3}


def test_the_papers_figures_stand_beside_ours(config):
    (run,) = method_runs(config, ["hybridgl"], {})
    assert run.reported("refcoco", "testA").oiou == pytest.approx(0.4452)
    assert run.reported("phrasecut", "test").miou == pytest.approx(0.3698)
    assert run.reported("tabletop", "heldout").oiou is None
    (run,) = method_runs(config, ["global-local"], {})
    assert run.reported("phrasecut", "test").miou is None


def test_an_unknown_ablation_names_the_others(config):
    with pytest.raises(ConfigError, match="no ablation 'table9'; there are table1"):
        ablation_runs(config, "table9", {})
