from __future__ import annotations

import pytest
import yaml

from hybridgl_ros.config import build, load_config, replace, values_of
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.settings import descriptions
from hybridgl_ros.spatial.position import position_map
from hybridgl_ros.spatial.relations import RELATIONS


@pytest.mark.parametrize("preset", ["paper", "official"])
@pytest.mark.parametrize("name", ["embedded", "photo"])
def test_shipped_configurations_are_complete(name, preset):
    config = load_config(name, preset=preset)
    assert set(values_of(config)) == set(descriptions())


def test_presets_hold_the_papers_numbers():
    paper = load_config("photo")
    assert (paper.fusion.alpha, paper.features.beta, paper.features.start_block) == (0.6, 2.0, 9)
    assert (paper.guidance.outside_weight, paper.guidance.outside_weight_big, paper.guidance.outside_weight_small) == (
        9,
        3,
        14,
    )
    official = load_config("photo", preset="official")
    assert (official.guidance.inside_weight, official.guidance.outside_weight) == (0.2, 1.8)
    assert official.proposals.minimum_region_area == 800


def test_file_and_overrides_win_over_the_preset(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "preset": "paper",
                "fusion": {"alpha": 0.25, "score_threshold": 0.1},
                "models": {
                    "sam": "sam_tabletop",
                    "clip": "clip_tabletop",
                    "spacy": "auto",
                    "device": "cpu",
                    "dtype": "float32",
                },
            }
        )
    )
    config = load_config(path, overrides={"fusion.score_threshold": 0.2})
    assert (config.fusion.alpha, config.fusion.score_threshold) == (0.25, 0.2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fusion.alhpa": 0.5}, "did you mean 'fusion.alpha'"),
        ({"fusion.alpha": 1.5}, "outside 0.0 … 1.0"),
        ({"fusion.alpha": "much"}, "wants float"),
        ({"fusion.alpha": float("nan")}, "finite"),
        ({"features.mode": "G3L"}, "is not one of"),
        ({"features.start_block": 9.5}, "wants int"),
        ({"features.start_block": True}, "wants int"),
        ({"features.blur_kernel": 14}, "must be odd"),
        ({"features.local_fill": [0.0]}, "three numbers"),
        ({"guidance.positions": "left"}, "wants a list"),
    ],
)
def test_bad_values_are_refused_with_the_reason(change, message):
    with pytest.raises(ConfigError, match=message):
        load_config("embedded", overrides=change)


def test_a_missing_value_is_named():
    values = values_of(load_config("embedded"))
    del values["fusion.alpha"]
    with pytest.raises(ConfigError, match="no value for fusion.alpha"):
        build(values, "here")


def test_an_unknown_file_lists_what_there_is():
    with pytest.raises(ConfigError, match="embedded"):
        load_config("nowhere")


def test_replace_changes_one_setting_only():
    config = load_config("embedded")
    changed = replace(config, {"fusion.alpha": 0.1})
    assert changed.fusion.alpha == 0.1
    assert replace(changed, {"fusion.alpha": config.fusion.alpha}) == config


def test_every_setting_is_described():
    for name, description in descriptions().items():
        assert description.text.endswith("."), name
        assert description.stage in ("models", "image", "answer")


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("guidance.positions", ["left", "lft"], "'lft' is not one of left, right, middle, up, down"),
        ("relations.without_other", ["larger"], "'larger' is not one of left, right, up, down, big, small, within"),
    ],
)
def test_a_misspelt_entry_of_a_list_is_refused(name, value, wrong):
    with pytest.raises(ConfigError, match=f"{name}: {wrong}"):
        load_config("embedded", overrides={name: value})
    assert load_config("embedded", overrides={name: []})


def test_the_choices_of_lists_are_what_the_method_knows():
    assert set(descriptions()["relations.without_other"].choices) == set(RELATIONS)
    for position in descriptions()["guidance.positions"].choices:
        assert position_map(position, 2, 2).shape == (2, 2)
