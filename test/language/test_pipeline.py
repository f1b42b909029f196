"""Which spaCy pipeline is taken, and when it is loaded."""

from __future__ import annotations

import pytest

from hybridgl_ros.errors import WeightsError
from hybridgl_ros.language import pipeline as module
from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.language.pipeline import complete, later_pipeline, load_pipeline
from hybridgl_ros.language.reader import QueryParser
from hybridgl_ros.language.rules import load_rules
from hybridgl_ros.language.vocabulary import load_vocabulary


@pytest.fixture
def loaded(monkeypatch) -> list[str]:
    """Names of what was loaded since."""
    names: list[str] = []
    monkeypatch.setattr(module, "load_pipeline", lambda name: names.append(name) or load_pipeline(name))
    return names


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("the red cube left of the blue ball", 0),
        ("the second mug from the left, not the red one", 0),
        ("the kestrel on the left", 1),
        ("the red cuube", 1),
    ],
)
def test_a_query_wants_the_pipeline_for_unheard_words_only(loaded, pipeline, text, times):
    reading = QueryParser(later_pipeline(), load_vocabulary()).read(text)
    assert len(loaded) == times
    assert reading == QueryParser(pipeline, load_vocabulary()).read(text)


def test_a_later_pipeline_parses_as_the_pipeline_and_is_loaded_once(loaded, pipeline):
    later, texts = later_pipeline(), ["the dog left of the chair", "a cup"]
    complete(later)
    complete(pipeline)
    assert len(loaded) == 1
    rules = load_rules("paper")
    assert ExpressionParser(later, rules).parse_all(texts) == ExpressionParser(pipeline, rules).parse_all(texts)
    assert len(loaded) == 1


@pytest.mark.parametrize("take", [later_pipeline, load_pipeline])
def test_a_pipeline_that_is_not_there_is_missed_at_once(take):
    with pytest.raises(WeightsError, match=r"'xx_core_none' is not installed; run: pip install"):
        take("xx_core_none")
    with pytest.raises(WeightsError, match="not installed"):
        take("")
