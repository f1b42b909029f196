from __future__ import annotations

import re
import shutil

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.errors import ConfigError
from hybridgl_ros.language import vocabulary
from hybridgl_ros.language.nouns import plural, singular
from hybridgl_ros.language.patterns import PatternTable, compile_pattern, fit
from hybridgl_ros.language.vocabulary import load_vocabulary
from hybridgl_ros.resources import config_directory


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """broken(file, entry, value): loads the shipped vocabulary with one entry changed."""
    shutil.copytree(config_directory() / "language" / "query", tmp_path / "language" / "query")
    monkeypatch.setattr(vocabulary, "config_directory", lambda: tmp_path)

    def load(file: str, entry: str, value: object):
        path = tmp_path / "language" / "query" / f"{file}.yaml"
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if value is None:
            content.pop(entry)
        else:
            content[entry] = value
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return load_vocabulary()

    return load


@pytest.mark.parametrize(
    ("file", "entry", "value", "message"),
    [
        ("space", "relations", {"besides": ["next to"]}, "unknown besides"),
        ("space", "side_patterns", ["{nowhere} side"], r"no class \{nowhere\}"),
        ("space", "sides", {"aside": ["left"]}, "unknown aside"),
        ("ranks", "superlatives", {"x up": ["upmost"]}, "'x up' is no axis"),
        ("ranks", "default_end", None, "no entry 'default_end'"),
        ("counts", "negation", [False], "wants a list of words"),
        ("words", "colours", "red", "wants a list of words"),
        ("tokens", "shortest_typo", "three", "wants a number"),
        ("choices", "size_as_rank", 1.5, "outside 0 … 1"),
        ("choices", "readings", 7, "outside 1 … 3"),
        ("idioms", "attributes", ["fast?"], "fits nothing"),
        ("space", "inverse", {True: "under"}, "wants words"),
    ],
)
def test_a_mistake_in_the_vocabulary_names_the_file(broken, file, entry, value, message):
    with pytest.raises(ConfigError, match=message) as caught:
        broken(file, entry, value)
    assert f"{file}.yaml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(vocabulary, "config_directory", lambda: tmp_path)
    with pytest.raises(ConfigError, match="no such file"):
        load_vocabulary()


@pytest.mark.parametrize("noun", ["mug", "box", "berry", "toy", "brush", "glass"])
def test_plurals_and_back(noun):
    assert singular(plural(noun)) == noun


def test_the_longest_pattern_wins():
    classes = {"side": ["left", "right"]}
    rows = [("side", compile_pattern("{side}", classes)), ("of", compile_pattern("on|to the? {side} of", classes))]
    assert PatternTable(rows).longest(["cup", "on", "the", "left", "of", "it"]) == {1: (5, "of"), 3: (4, "side")}


def test_of_two_patterns_as_long_the_first_wins():
    rows = [(name, compile_pattern("near it?", {})) for name in ("first", "second")]
    assert PatternTable(rows).longest(["near", "it"]) == {0: (2, "first")}


SLOTS = st.lists(st.tuples(st.frozensets(st.sampled_from("abc"), min_size=1), st.booleans()), min_size=1, max_size=5)


@given(SLOTS, st.lists(st.sampled_from("abcd"), max_size=6))
def test_a_pattern_fits_as_the_regular_expression_does(slots, words):
    pattern = "".join(f"[{''.join(options)}]{'?' * optional}" for options, optional in slots)
    ends = [end for end in range(len(words) + 1) if re.fullmatch(pattern, "".join(words[:end]))]
    assert fit(slots, words, 0) == max(ends, default=-1)
