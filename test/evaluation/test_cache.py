"""The stage cache gives back what was stored, and nothing else."""

from __future__ import annotations

import fake_evaluation
import numpy as np
import pytest
import torch

from hybridgl_ros.config import load_config, replace
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.cache import StageCache
from hybridgl_ros.evaluation.stages import Stages, pack, relevant, unpack
from hybridgl_ros.proposals import proposals_from_masks

MODELS = {"sam": "a", "clip": "b"}
INPUTS = {"image": "1", "settings": {"mode": "G2L"}}
TENSORS = {"features": torch.arange(6.0).view(2, 3), "none": torch.zeros(0, 4)}


@pytest.fixture
def cache(tmp_path) -> StageCache:
    return StageCache(tmp_path / "cache")


@pytest.fixture
def segmenter():
    return fake_evaluation.loader(fake_evaluation.FixedBoxes())(load_config("embedded", preset="paper"))


def only_file(cache: StageCache, stage: str = "features"):
    (path,) = (cache.directory / stage).rglob("*.safetensors")
    return path


def test_an_entry_comes_back_as_it_was(cache):
    cache.store("features", INPUTS, TENSORS, 1.5)
    entry = cache.load("features", INPUTS)
    assert {name: tensor.tolist() for name, tensor in entry.tensors.items()} == {
        "features": [[0, 1, 2], [3, 4, 5]],
        "none": [],
    }
    assert entry.seconds == 1.5
    assert not list(cache.directory.rglob("*.part"))


def test_a_folder_in_an_entrys_place_is_passed_over(cache):
    cache.store("features", INPUTS, TENSORS, 1.0)
    path = only_file(cache)
    path.unlink()
    path.mkdir()
    assert cache.load("features", INPUTS) is None
    cache.store("features", INPUTS, TENSORS, 1.0)
    assert not list(cache.directory.rglob("*.part"))


def test_other_inputs_find_nothing(cache):
    cache.store("features", INPUTS, TENSORS, 1.0)
    assert cache.load("features", {**INPUTS, "settings": {"mode": "L2G"}}) is None
    assert cache.load("localisation", INPUTS) is None
    assert cache.damaged == 0


def test_a_flipped_byte_is_noticed_wherever_it_is(cache):
    cache.store("features", INPUTS, TENSORS, 1.0)
    path = only_file(cache)
    content = path.read_bytes()
    trusted = []
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        if cache.load("features", INPUTS) is not None:
            trusted.append(place)
    assert trusted == []
    assert cache.damaged == len(content)


@pytest.mark.parametrize("kept", [0, 7, 100, -1])
def test_a_truncated_file_is_noticed(cache, kept):
    cache.store("features", INPUTS, TENSORS, 1.0)
    only_file(cache).write_bytes(only_file(cache).read_bytes()[:kept])
    assert cache.load("features", INPUTS) is None
    assert cache.damaged == 1


def test_an_entry_under_a_foreign_name_is_not_trusted(cache):
    cache.store("features", INPUTS, TENSORS, 1.0)
    other = {**INPUTS, "image": "2"}
    cache.store("features", other, {"features": torch.ones(1)}, 1.0)
    files = sorted((cache.directory / "features").rglob("*.safetensors"))
    files[0].write_bytes(files[1].read_bytes())
    found = [cache.load("features", inputs) for inputs in (INPUTS, other)]
    assert sum(entry is not None for entry in found) == 1
    assert cache.damaged == 1


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        StageCache(tmp_path / "file" / "cache")


def test_proposals_survive_packing(four_masks):
    proposals = proposals_from_masks(four_masks, np.array([0.9, 0.8, 0.7, 0.6]))
    back = unpack(pack(proposals))
    assert np.array_equal(back.masks, proposals.masks)
    assert np.array_equal(back.boxes, proposals.boxes)
    assert np.array_equal(back.predicted_iou, proposals.predicted_iou)
    empty = unpack(pack(proposals_from_masks(np.zeros((0, 5, 7), bool))))
    assert empty.masks.shape == (0, 5, 7)


def test_the_cached_scene_is_the_computed_one(cache, segmenter, picture):
    plain = segmenter.encode(picture)
    for _ in range(2):
        stages = Stages(segmenter, cache, MODELS)
        stages.start(picture)
        scene = stages.scene(segmenter, picture)
        assert torch.equal(scene.features, plain.features)
        assert torch.equal(scene.map_tokens, plain.map_tokens)
        assert np.array_equal(scene.proposals.masks, plain.proposals.masks)
        assert scene.map_grid == plain.map_grid
    assert all(usage.cached for usage in stages.usage())
    assert segmenter.generator.calls == 2


def test_a_damaged_entry_is_computed_again(cache, segmenter, picture):
    stages = Stages(segmenter, cache, MODELS)
    stages.start(picture)
    wanted = stages.scene(segmenter, picture).features
    path = only_file(cache)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    stages.start(picture)
    assert torch.equal(stages.scene(segmenter, picture).features, wanted)
    assert {usage.stage: usage.cached for usage in stages.usage()} == {
        "proposals": True,
        "features": False,
        "localisation": True,
    }
    assert cache.load("features", {}) is None
    stages.start(picture)
    stages.scene(segmenter, picture)
    assert all(usage.cached for usage in stages.usage())


@pytest.mark.parametrize(
    ("change", "computed"),
    [
        ({"features.start_block": 7}, {"features"}),
        ({"features.batch_size": 3}, set()),
        ({"fusion.alpha": 0.1}, set()),
        ({"guidance.map_size": 64}, {"localisation"}),
        ({"proposals.points_per_side": 3}, {"proposals"}),
        ({"proposals.points_per_batch": 3}, set()),
    ],
)
def test_only_what_a_setting_changes_is_computed(cache, segmenter, picture, change, computed):
    stages = Stages(segmenter, cache, MODELS)
    stages.start(picture)
    stages.scene(segmenter, picture)
    changed = segmenter.with_config(replace(segmenter.config, change))
    stages.start(picture)
    stages.scene(changed, picture)
    assert {usage.stage for usage in stages.usage() if not usage.cached} == computed


def test_other_weights_are_other_entries(cache, segmenter, picture):
    for models in (MODELS, {**MODELS, "clip": "c"}):
        stages = Stages(segmenter, cache, models)
        stages.start(picture)
        stages.scene(segmenter, picture)
    assert {usage.stage: usage.cached for usage in stages.usage()} == {
        "proposals": True,
        "features": False,
        "localisation": False,
    }


def test_rows_of_a_table_share_the_stages_without_a_disk(segmenter, picture):
    stages = Stages(segmenter, None, MODELS)
    stages.start(picture)
    for mode in ("G2L", "L", "G2L"):
        stages.scene(segmenter.with_config(replace(segmenter.config, {"features.mode": mode})), picture)
    assert [usage.stage for usage in stages.usage()] == ["proposals", "features", "localisation", "features"]


def test_batch_sizes_are_not_relevant():
    settings = relevant(load_config("embedded", preset="paper").features)
    assert "batch_size" not in settings and "mode" in settings
