"""`hybridgl segment --explain` as a person calls it, with the models that ship."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from html_page import Page
from PIL import Image

from hybridgl_ros.tabletop.dataset import TabletopSet, validation_path


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "table.png"
    Image.fromarray(TabletopSet(validation_path())[1].image).save(path)
    return path


def segment(*arguments):
    command = [sys.executable, "-m", "hybridgl_ros.cli", "segment", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=600
    )


def test_the_reading_is_printed_and_saved_as_a_page(picture, tmp_path):
    done = segment(picture, "the sphere left of the box", "both of the things", "--explain", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "query       sphere · left(box)" in done.stdout
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[0] for line in lines if len(line) > 1][:4] == ["clause", "sphere", "left(box)", "probability"]
    page = Page(tmp_path / "table-the-sphere-left-of-the-box-explanation.html")
    assert page.open == [] and "sphere · left(box)" in page.text and "not found" not in page.text
    assert all(address.startswith("data:") for address in page.addresses)
    assert "2 found" in Page(tmp_path / "table-both-of-the-things-explanation.html").text


def test_the_papers_scores_are_explained_and_json_names_the_page(picture, tmp_path):
    done = segment(picture, "the sphere", "--preset", "paper", "--explain", "--json", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["query"] is None and told["clauses"] == [] and len(told["objects"]) == 1
    page = Page(tmp_path / "table-the-sphere-explanation.html")
    assert told["files"]["explanation"].endswith("table-the-sphere-explanation.html")
    for wanted in ("Partial scores", "similarity with the text, Eq. 3", "localisation map, G_co"):
        assert wanted in page.text
