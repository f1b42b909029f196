from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridgl_ros.language.spelling import Speller, edits
from hybridgl_ros.language.text import PAIRS, QUOTES, split_words, strip_wrapping
from hybridgl_ros.language.vocabulary import load_vocabulary


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ('"red mug"', "red mug"),
        ("“red mug”", "red mug"),
        ("„red mug“", "red mug"),
        ("« red mug »", "red mug"),
        (" 'red mug' ", "red mug"),
        ("the dogs' bowl", "the dogs' bowl"),
        ('"left" mug', '"left" mug'),
        ('""', '""'),
        ('"', '"'),
    ],
)
def test_wrapping_quotes_go(text, inside):
    assert strip_wrapping(text) == inside


@given(st.text(max_size=40))
def test_stripping_twice_changes_nothing(text):
    once = strip_wrapping(text)
    assert strip_wrapping(once) == once
    assert once in text


@given(st.sampled_from(sorted(PAIRS.items())))
def test_every_pair_of_marks_goes(pair):
    first, last = pair
    assert strip_wrapping(f"{first}red mug{last}") == "red mug"


@given(st.sampled_from(QUOTES), st.sampled_from(QUOTES))
def test_marks_that_make_no_pair_are_no_words(first, last):
    assert split_words(f"{first}red mug{last}", {}, {}) == ["red", "mug"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The mug's handle", "the mug 's handle"),
        ("the ball that isn’t red", "the ball that is not red"),
        ("What's LEFT-MOST?", "what is leftmost ."),
        ("mug (left), the 2nd", "mug , left , , the 2nd"),
        ("red/blue ball", "red or blue ball"),
        ("cup w/o lid", "cup without lid"),
        ("no. 3", "number 3"),
    ],
)
def test_words(text, words):
    known = load_vocabulary()
    assert " ".join(split_words(text, known.contractions, known.rewrites)) == words


@pytest.mark.parametrize(
    ("typo", "word"),
    [
        ("botle", "bottle"),
        ("lefmost", "leftmost"),
        ("blcok", "block"),
        ("betwen", "between"),
        ("gren", "green"),
        ("secnd", "second"),
    ],
)
def test_typos(pipeline, typo, word):
    assert Speller(pipeline, load_vocabulary()).repair(typo) == word


@given(st.text(alphabet="abcdefg", min_size=1, max_size=5))
def test_one_edit_is_mutual(word):
    assert all(word in edits(other) for other in edits(word) if other)


def test_known_words_stay(pipeline):
    speller = Speller(pipeline, load_vocabulary())
    for word in (*load_vocabulary().words, "lamb", "howl", "hut"):
        assert speller.repair(word) == word
