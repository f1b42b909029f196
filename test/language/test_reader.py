"""What the query reader makes of expressions as people say them."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgl_ros.errors import ExpressionError
from hybridgl_ros.language.query import Position, Query, Rank, Relation
from hybridgl_ros.language.reader import QueryParser
from hybridgl_ros.language.vocabulary import load_vocabulary

GROUPS = yaml.safe_load(Path(__file__).with_name("queries.yaml").read_text(encoding="utf-8"))
SENTENCES = {sentence: expected for group in GROUPS.values() for sentence, expected in group.items()}


@pytest.fixture(scope="module")
def reader(pipeline) -> QueryParser:
    return QueryParser(pipeline, load_vocabulary())


def printed(reading) -> list[str]:
    """The reading as it stands in queries.yaml."""
    if len(reading.queries) == 1:
        queries = [str(reading.queries[0])]
    else:
        queries = [f"{weight:.2f} {query}" for query, weight in zip(reading.queries, reading.weights, strict=True)]
    return [*queries, *(f"note: {note}" for note in reading.notes)]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_sentence(reader, sentence):
    expected = SENTENCES[sentence]
    assert printed(reader.read(sentence)) == (expected if isinstance(expected, list) else [expected])


def test_there_are_enough_sentences_of_every_kind():
    assert len(SENTENCES) >= 200
    assert all(len(group) >= 8 for group in GROUPS.values())


@pytest.mark.parametrize("text", ["", "   ", "\n\t "])
def test_blank_expressions_are_refused(reader, text):
    with pytest.raises(ExpressionError, match="empty"):
        reader.read(text)


WORDS = sorted({word for sentence in SENTENCES for word in re.findall(r"[\w']+|[^\w\s]", sentence)})


@pytest.fixture(scope="module")
def second_reader(pipeline) -> QueryParser:
    return QueryParser(pipeline, load_vocabulary())


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)))
def test_any_text_is_read_or_refused(reader, second_reader, text):
    try:
        reading = reader.read(text)
    except ExpressionError:
        assert not text.strip()
        return
    assert 1 <= len(reading.queries) <= 3
    assert len(set(reading.queries)) == len(reading.queries) == len(reading.weights)
    assert sum(reading.weights) == pytest.approx(1)
    assert list(reading.weights) == sorted(reading.weights, reverse=True)
    assert all(str(query) for query in reading.queries)
    assert reading == second_reader.read(text)


@pytest.mark.parametrize("sentence", [s for s in SENTENCES if s.isascii()])
def test_manner_changes_nothing(reader, sentence):
    """Case, quotation marks, blanks, a full stop and politeness leave the queries as they are."""
    queries = reader.read(sentence).queries
    for manner in ("“{}”", "'{}'", '"{}"', "  {}\n", "please {}", "{} please", "Hey, {}"):
        assert reader.read(manner.format(sentence)).queries == queries, manner
    assert reader.read(sentence.upper()).queries == queries
    if sentence[-1] not in ".?!":
        assert reader.read(f"{sentence}.").queries == queries


COMMANDS = (
    "give me {}",
    "could you hand me {}",
    "where is {}?",
    "segment {}",
    "I want {}",
    "show me {}, please",
    "point at {}",
)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("group", ["relations", "ordinals and superlatives", "an own attribute is no landmark"])
def test_commands_and_questions_change_nothing(reader, command, group):
    for sentence in GROUPS[group]:
        if sentence.startswith("the ") and "." not in sentence:
            assert reader.read(command.format(sentence)).queries == reader.read(sentence).queries, sentence


def swap(text: str) -> str:
    """Left for right in words."""
    other = {"left": "right", "right": "left", "leftmost": "rightmost", "rightmost": "leftmost"}
    return " ".join(other.get(word, word) for word in text.split())


def mirror(part):
    """The query of the mirrored picture."""
    sides = {"left": "right", "right": "left"}
    if isinstance(part, tuple):
        return tuple(mirror(item) for item in part)
    if not is_dataclass(part):
        return part
    part = replace(part, **{entry.name: mirror(getattr(part, entry.name)) for entry in fields(part)})
    if isinstance(part, Relation):
        return replace(part, kind=sides.get(part.kind, part.kind))
    if isinstance(part, Rank):
        return replace(part, end=sides.get(part.end, part.end))
    if isinstance(part, Position):
        return replace(part, places=tuple(sides.get(place, place) for place in part.places))
    return part


MIRRORLESS = r"right (next|in front|way)|facing|points|counted|middle one"

MIRRORED = [
    sentence
    for sentence in SENTENCES
    if set(sentence.split()) & {"left", "right", "leftmost", "rightmost"}
    and not re.search(
        r"right (next|in front|way)|facing|points|counted|middle one", f"{sentence} {SENTENCES[sentence]}"
    )
]


@pytest.mark.parametrize("sentence", MIRRORED)
def test_the_mirrored_sentence_asks_for_the_mirrored_thing(reader, sentence):
    assert reader.read(swap(sentence)).queries == tuple(map(mirror, reader.read(sentence).queries))


def phrases(part) -> list[str]:
    """Every text that CLIP is asked."""
    if isinstance(part, tuple):
        return [text for item in part for text in phrases(item)]
    if not is_dataclass(part):
        return []
    own = [part.phrase.text] if isinstance(part, Query) else []
    return own + [text for entry in fields(part) for text in phrases(getattr(part, entry.name))]


SPATIAL = re.compile(
    r"\b(the|a|an|please|me|left|right|behind|second|biggest|leftmost|of the|next to|closest|between)\b"
)


def test_phrases_carry_no_article_command_or_place(reader):
    allowed = {"girl facing left", "man facing right", "mug with handle points left"}
    for sentence in SENTENCES:
        for text in phrases(reader.read(sentence).queries):
            assert text in allowed or not SPATIAL.search(text), (sentence, text)


def test_unknown_words_stay_in_the_phrase(reader):
    for text in ("the frobnicated widget", "the speckled gizmo left of the mug", "a thingamajig"):
        phrase = reader.read(text).queries[0].phrase
        assert phrase.noun in ("widget", "gizmo", "thingamajig")
    assert reader.read("the speckled gizmo").queries[0].phrase.attributes == ("speckled",)


def test_english_words_are_never_repaired(reader):
    for text in ("the lamb", "the howl", "a bad cop", "the rig left of the widget", "a bow on the hat"):
        assert not reader.read(text).notes, text
