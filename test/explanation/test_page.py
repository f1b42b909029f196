"""What a page and a table say of an answer."""

from __future__ import annotations

import base64
import io
import math
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from html_page import Page, screenshot
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hybridgl_ros.explanation.page import CANDIDATES, write_page
from hybridgl_ros.explanation.parts import clause_table, parts_of, reading_lines, shown_places, total_of, value_text
from hybridgl_ros.explanation.pictures import label_places, object_map, outline_path, to_unit
from hybridgl_ros.language.query import Phrase, Query, Relation
from hybridgl_ros.types import Answer, Candidate, ClauseScore, Parse

SIZE = (60, 80)
NASTY = "<script>alert(1)</script> & \"both\" [/red] 'mugs' {{ 7 * 7 }} — кружки"


def answer_of(count: int = 14, referents: int = 2, text: str = NASTY) -> Answer:
    """Candidates in a row; the last one is the landmark."""
    masks = np.zeros((count, *SIZE), bool)
    for number in range(count):
        masks[number, 5:25, 5 * number + 1 : 5 * number + 5] = True
    candidates = tuple(
        Candidate(n, masks[n], (5.0 * n + 1, 5.0, 3.0, 19.0), 1 - n / count, 0.2, math.nan, 0.5, math.nan, math.nan)
        for n in range(count)
    )
    values = np.linspace(1, 0, count, dtype=np.float32)
    query = Query(Phrase(text), (Relation("near", (Query(Phrase("ball")),)),))
    return Answer(
        found=bool(referents),
        mask=masks[:referents].any(axis=0),
        score=0.9,
        similarity=0.2,
        margin=0.1,
        candidates=candidates,
        parse=Parse(text, text, text, text),
        reason="" if referents else f"there is no {text}",
        notes=(f"ignored: {text}",),
        objects=candidates[:referents],
        query=query,
        alternatives=(Query(Phrase("other " + text)),),
        clauses=(
            ClauseScore(text, "phrase", values),
            ClauseScore("near(ball)", "relation", values, (count - 1,) if count else ()),
        ),
    )


def by_the_paper() -> Answer:
    maps = np.linspace(0, 1, SIZE[0] * SIZE[1], dtype=np.float32).reshape(SIZE)
    dense = SimpleNamespace(localisation=torch.from_numpy(maps), guidance=torch.from_numpy(maps * 0))
    return replace(answer_of(referents=1), query=None, clauses=(), alternatives=(), maps=dense)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def page_of(answer: Answer, picture: np.ndarray, folder) -> Page:
    write_page(folder / "page.html", picture, answer.parse.text, answer, "from a test")
    return Page(folder / "page.html")


@pytest.mark.parametrize(
    "answer", [answer_of(), answer_of(referents=0), answer_of(count=0, referents=0), by_the_paper()]
)
def test_the_page_is_whole_has_no_outside_parts_and_shows_texts_as_they_are(answer, picture, tmp_path):
    page = page_of(answer, picture, tmp_path)
    assert page.open == []
    assert "script" not in page.tags
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert not re.search(r"url\(|@import", (tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.text.count(NASTY) >= 2
    assert answer.reason in page.text and answer.notes[0] in page.text
    for part in parts_of(answer) if answer.candidates else ():
        assert part.text in page.text
    for picture_address in page.pictures:
        assert Image.open(io.BytesIO(base64.b64decode(picture_address.split(",")[1]))).size > (0, 0)


def test_readings_and_the_papers_maps_are_on_the_page(picture, tmp_path):
    page = page_of(answer_of(), picture, tmp_path)
    for wanted in ("near(ball)", "other <script>", "relation, to 14", "2 found", "3 less likely candidates"):
        assert wanted in page.text
    page = page_of(by_the_paper(), picture, tmp_path)
    for wanted in ("G_co", "semantic score in Eq. 9", "score, Eq. 9"):
        assert wanted in page.text


def test_a_browser_shows_it(picture, tmp_path):
    write_page(tmp_path / "page.html", picture, NASTY, answer_of(), "from a test")
    pixels = screenshot(tmp_path / "page.html", tmp_path)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100
    # The pink of the referents' outlines and of their numbers.
    assert (np.abs(pixels.astype(int) - (255, 64, 160)).sum(axis=-1) < 30).sum() > 50


def test_the_table_has_the_best_candidates_and_whoever_plays_a_part():
    answer = answer_of()
    assert shown_places(answer, CANDIDATES) == [*range(10), 13]
    rows = clause_table(answer, 3)
    assert list(rows[0]) == ["clause", "1 referent", "2 referent", "3", "14 landmark"]
    assert [row["clause"] for row in rows] == [NASTY, "near(ball)", "probability"]
    assert rows[-1]["1 referent"] == "1.00" and rows[0]["14 landmark"] == "0.00"
    assert clause_table(answer_of(count=0, referents=0), 3) == []
    assert reading_lines(answer) == [f"query       {answer.query}", f"or          other {NASTY}"]


def test_the_papers_parts_are_those_that_any_candidate_has():
    answer = by_the_paper()
    assert [part.text for part in parts_of(answer)] == ["similarity with the text, Eq. 3", "semantic score in Eq. 9"]
    assert total_of(answer).text == "score, Eq. 9"
    some = replace(answer.candidates[0], relation=0.25)
    part = parts_of(replace(answer, candidates=(some, *answer.candidates[1:])))[1]
    assert [value_text(part, place) for place in (0, 1)] == ["0.250", "–"]


@given(st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=1, max_size=6))
def test_values_are_brought_to_one_scale(values):
    unit = to_unit(np.array(values))
    assert ((unit >= 0) & (unit <= 1)).all()
    known = [value for value in values if not math.isnan(value)]
    if known and min(known) < max(known):
        assert unit[values.index(max(known))] == 1 and unit[values.index(min(known))] == 0


def test_maps_take_the_likeliest_of_what_overlaps():
    masks = [np.ones((2, 2), bool), np.eye(2, dtype=bool)]
    assert object_map(masks, [0.2, 0.9]).tolist() == pytest.approx(np.array([[0.9, 0.2], [0.2, 0.9]]))


def test_numbers_of_equal_masks_stand_apart_and_inside():
    mask = np.zeros((40, 60), bool)
    mask[10:30, 5:55] = True
    places = label_places([mask, mask, mask], 8)
    assert all(mask[int(y), int(x)] for x, y in places)
    assert min(math.dist(a, b) for a in places for b in places if a is not b) >= 8
    tiny = np.zeros((40, 60), bool)
    tiny[3, 4] = True
    assert label_places([tiny, tiny], 8) == [(4.5, 3.5)] * 2


def test_outlines_have_holes():
    ring = np.zeros((20, 20), bool)
    ring[2:18, 2:18] = True
    assert outline_path(ring).count("Z") == 1
    ring[8:12, 8:12] = False
    assert outline_path(ring).count("Z") == 2
