from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridgl_ros.errors import ConfigError, ExpressionError
from hybridgl_ros.language.parser import ExpressionParser, trim
from hybridgl_ros.language.rules import load_rules, word_classes
from hybridgl_ros.language.text import strip_wrapping


@pytest.mark.parametrize("text", ["", "   ", "\n\t "])
@pytest.mark.parametrize("rules", ["paper", "official"])
def test_blank_expressions_are_refused(pipeline, rules, text):
    with pytest.raises(ExpressionError, match="empty"):
        ExpressionParser(pipeline, load_rules(rules)).parse(text)


@pytest.mark.parametrize(
    ("text", "target", "others", "position", "relation", "size"),
    [
        ("the red cube left of the blue ball", "the red cube", ("the blue ball",), "left", "left", "none"),
        ("The red mug right of the green cone", "the red mug", ("the green cone",), "right", "right", "none"),
        ("the cube right of the ball", "the cube", ("the ball",), "right", "right", "none"),
        ("the yellow ring in front of the bottle", "the yellow ring", ("the bottle",), "none", "down", "none"),
        ("the small red ball inside the ring", "the small red ball", ("the ring",), "none", "within", "small"),
        ("the object in the middle", "the object", (), "middle", "none", "none"),
        ("the biggest mug", "the biggest mug", (), "none", "big", "big"),
        ("mug", "mug", (), "none", "none", "none"),
    ],
)
def test_paper_rules(paper_parser, text, target, others, position, relation, size):
    parse = paper_parser.parse(text)
    assert (parse.target, parse.others, parse.position, parse.relation, parse.size) == (
        target,
        others,
        position,
        relation,
        size,
    )


def test_official_rules_know_no_right_relation(pipeline):
    parse = ExpressionParser(pipeline, load_rules("official")).parse("the red mug right of the green cone")
    assert (parse.position, parse.relation) == ("right", "none")


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(pipeline, text):
    for rules in (load_rules("paper"), load_rules("official")):
        try:
            parse = ExpressionParser(pipeline, rules).parse(text)
        except ExpressionError:
            assert not text.strip()
            continue
        assert parse.target and parse.head
        assert parse.position in {"none", *rules.positions.values()}
        assert parse.relation in {"none", *rules.relations.values()}
        assert parse.size in ("none", "big", "small")
        assert len(parse.others) == len(parse.other_nouns)


def test_trim_cuts_the_end_only_and_never_everything():
    words = frozenset({"left", "right"})
    assert trim("the left cube right", words) == "the left cube"
    assert trim("left right", words) == "left"
    assert trim("the    cube", words) == "the    cube"


def test_word_classes_turn_the_table_round():
    assert word_classes({"up": ["above", "top"], "down": ["below"]}) == {"above": "up", "top": "up", "below": "down"}


def test_a_broken_rule_file_is_named(tmp_path, monkeypatch):
    path = tmp_path / "broken.yaml"
    path.write_text("root: middle\n")
    monkeypatch.setattr("hybridgl_ros.language.rules.find_named", lambda folder, name: path)
    with pytest.raises(ConfigError, match="broken.yaml"):
        load_rules("broken")


@pytest.mark.parametrize(
    "text", ['"{}"', "'{}'", "“{}”", "„{}“", "«{}»", "「{}」", "`{}`", " ‘{}’ ", '"“{}”"', '"{}."']
)
def test_quotation_marks_around_an_expression_are_no_part_of_it(paper_parser, pipeline, text):
    quoted = paper_parser.parse(text.format("the red ring"))
    assert (quoted.target, quoted.sentence.rstrip(" .")) == ("the red ring", "the red ring")
    assert quoted.text == text.format("the red ring")
    official = ExpressionParser(pipeline, load_rules("official"))
    assert official.parse('"the red ring"').sentence != "the red ring"


@pytest.mark.parametrize("text", ['"', '""', "the boys' cup", "'t is the cup of the boys", '"red" and "blue"'])
def test_marks_that_wrap_nothing_stay(text):
    assert strip_wrapping(text) == text
