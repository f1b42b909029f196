"""The registry: its data is complete, mistakes are answered with what to do."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from hybridgl_ros.config import load_config
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.models.registry import BUILT_IN, checkpoints, find_checkpoint

ENTRY = {"kind": "clip", "architecture": "ViT-B-16", "file": "mine.safetensors", "sha256": "0" * 64}


@pytest.fixture
def own_registry(tmp_path, monkeypatch):
    """Writes a registry file and makes it the user's own."""

    def write(content) -> Path:
        path = tmp_path / "own.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        monkeypatch.setenv("HYBRIDGL_REGISTRY", str(path))
        return path

    return write


def test_has_the_models_of_the_paper_and_the_embedded_ones():
    assert {
        "sam_vit_h",
        "sam_vit_l",
        "sam_vit_b",
        "clip_vit_b16",
        "clip_vit_b32",
        "clip_vit_l14",
        "sam_tabletop",
        "clip_tabletop",
    } <= set(checkpoints())


@pytest.mark.parametrize(
    "checkpoint",
    [entry for entry in checkpoints().values() if entry.url and not entry.repository],
    ids=lambda entry: entry.name,
)
def test_a_download_is_fully_described(checkpoint):
    assert urlsplit(checkpoint.url).scheme == "https"
    assert checkpoint.size > 10**7
    assert re.fullmatch("[0-9a-f]{64}", checkpoint.sha256)
    assert checkpoint.licence
    assert checkpoint.text
    assert checkpoint.file == Path(checkpoint.file.name)


def test_openai_addresses_contain_the_checksum():
    official = [entry for entry in checkpoints().values() if "openaipublic" in (entry.url or "")]
    assert official
    assert [entry.sha256 in entry.url for entry in official] == [True] * len(official)


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(ConfigError, match="did you mean.*sam_vit_h"):
        find_checkpoint("sam_vit_hh")
    with pytest.raises(ConfigError, match="clip_vit_b16.*clip_vit_b32"):
        find_checkpoint("?")


def test_a_name_of_the_other_kind_is_refused():
    with pytest.raises(ConfigError, match="is a clip checkpoint, wants sam: sam_tabletop"):
        find_checkpoint("clip_vit_b16", "sam")


def test_settings_of_a_checkpoint_reach_the_configuration_and_give_way_to_overrides():
    assert load_config("photo").features.start_block == 9
    larger = {"models.clip": "clip_vit_l14"}
    assert load_config("photo", overrides=larger).features.start_block == 21
    assert load_config("photo", overrides={**larger, "features.start_block": 20}).features.start_block == 20


def test_an_own_registry_adds_and_replaces(own_registry):
    path = own_registry(
        {"mine": {**ENTRY, "settings": {"fusion.alpha": 0.25}}, "clip_vit_b16": {**ENTRY, "file": "sub/other.pt"}}
    )
    assert find_checkpoint("mine").file == path.parent / "mine.safetensors"
    assert find_checkpoint("clip_vit_b16").file == path.parent / "sub" / "other.pt"
    assert load_config("photo", overrides={"models.clip": "mine"}).fusion.alpha == 0.25
    assert find_checkpoint("sam_vit_h").url


def test_architecture_files_are_found_beside_the_registry(own_registry):
    path = own_registry({"mine": {**ENTRY, "architecture": "small.json"}})
    assert find_checkpoint("mine").architecture == str(path.parent / "small.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a list", "wants checkpoints by name"),
        ("{unclosed", "not readable"),
        ({"mine": "text"}, "mine: wants a mapping"),
        ({"mine": {**ENTRY, "kind": "dino"}}, "kind must be one of sam, clip"),
        ({"mine": {**ENTRY, "checksum": "1"}}, "unknown checksum"),
        ({"mine": {**ENTRY, "url": "https://example.org/x.pt"}}, "either url or file"),
        ({"mine": {key: value for key, value in ENTRY.items() if key != "file"}}, "either url or file"),
        ({"mine": {**ENTRY, "sha256": "ABC"}}, "64 hexadecimal digits"),
        ({"mine": {key: value for key, value in ENTRY.items() if key != "sha256"}}, "64 hexadecimal digits"),
        ({"mine": {**ENTRY, "architecture": 16}}, "names no architecture"),
        ({"mine": {**ENTRY, "size": "big"}}, "size must be a number of bytes"),
        ({"mine": {**ENTRY, "settings": [1]}}, "settings must be values by dotted name"),
    ],
)
def test_a_bad_registry_is_refused_with_file_and_reason(own_registry, content, message):
    path = own_registry(content)
    with pytest.raises(ConfigError, match=message) as caught:
        checkpoints()
    assert str(path) in str(caught.value)


def test_a_registry_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDGL_REGISTRY", str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        checkpoints()


def test_the_card_supplies_checksum_and_settings(own_registry, tmp_path):
    own_registry({"mine": {"kind": "sam", "architecture": "vit_b", "file": "x.pth", "card": "card.json"}})
    assert find_checkpoint("mine").sha256 == ""
    (tmp_path / "card.json").write_text('{"sha256": "abc", "settings": {"fusion.alpha": 0.1}, "seed": 3}')
    assert find_checkpoint("mine").sha256 == "abc"
    assert find_checkpoint("mine").settings == {"fusion.alpha": 0.1}
    (tmp_path / "card.json").write_text("{")
    with pytest.raises(ConfigError, match=r"card\.json"):
        find_checkpoint("mine")


def test_registry_file_lists_every_entry_once():
    names = re.findall(r"^(\w+):$", BUILT_IN.read_text(), flags=re.MULTILINE)
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", ["../mine", "a/b", "/etc/mine", "..", ".", "", "a\\b", "a b"])
def test_names_that_leave_the_cache_are_refused(own_registry, name):
    own_registry({name: ENTRY})
    with pytest.raises(ConfigError, match="it is a folder of the cache"):
        checkpoints()


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/..",
        "https://example.org/x/",
        "https://example.org",
        "https://example.org/a%2Fb",
        "https:///m.pt",
        "file:///etc/passwd",
        "mine.pt",
        7,
    ],
)
def test_addresses_without_a_plain_file_name_are_refused(own_registry, url):
    own_registry({"mine": {**{key: value for key, value in ENTRY.items() if key != "file"}, "url": url}})
    with pytest.raises(ConfigError, match="mine: url must"):
        checkpoints()


def test_what_follows_the_path_of_an_address_is_no_part_of_the_file(own_registry):
    url = "https://example.org/weights/m.pt?download=true#x"
    own_registry({"mine": {**{key: value for key, value in ENTRY.items() if key != "file"}, "url": url}})
    assert checkpoints()["mine"].file == Path("m.pt")
