"""The report holds everything in one page that a browser shows."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import fake_evaluation
import numpy as np
import pytest
from html_page import Page, screenshot
from PIL import Image
from rich.console import Console

from hybridgl_ros.evaluation import cases
from hybridgl_ros.evaluation.report import write_report
from hybridgl_ros.evaluation.results import summary_lines, write_breakdown, write_summary
from hybridgl_ros.evaluation.runner import run_job
from hybridgl_ros.evaluation.screen import print_summary


@pytest.fixture(scope="module")
def finished(tabletop_zip, tmp_path_factory):
    job = fake_evaluation.make_job(tabletop_zip, fake_evaluation.FixedBoxes())
    return run_job(job, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_report(finished, summary_lines(finished), "A <title> & more", folder)
    return folder / "report.html"


def test_the_page_is_complete_and_brings_all_its_parts(report):
    page = Page(report)
    assert page.open == []
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in page.addresses)
    for wanted in ("A <title> & more", "+ G_pos", "Breakdown", "Nearest misses", "the red cube", "F1 of found"):
        assert wanted in page.text
    assert page.pictures
    for picture in page.pictures:
        assert Image.open(io.BytesIO(base64.b64decode(picture.split(",")[1]))).size == (64, 48)


def test_tags_are_no_formulas(finished, tmp_path):
    entry = finished.answered[0]
    outcomes = [replace(outcome, tags=(r"$\frac{$", "$5 or $6")) for outcome in entry.outcomes]
    strange = replace(finished, answered=[replace(entry, outcomes=outcomes)])
    write_report(strange, summary_lines(strange), "tags", tmp_path)
    assert "$5 or $6" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_browser_shows_it(report, tmp_path):
    pixels = screenshot(report, tmp_path)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100
    assert pixels[-1].std() + pixels[len(pixels) // 2].std() > 0


def test_a_report_without_any_answer_is_still_a_page(finished, tmp_path):
    nothing = replace(finished, answered=[replace(entry, answers=[], outcomes=[]) for entry in finished.answered])
    write_report(nothing, summary_lines(nothing), "nothing", tmp_path)
    write_summary(summary_lines(nothing), tmp_path)
    write_breakdown(summary_lines(nothing), tmp_path)
    assert "stopped early" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "summary.csv").read_text().count("\n") == 5
    assert (tmp_path / "breakdown.csv").read_text().startswith("dataset,split,run,factor,group,samples")


def test_the_table_has_every_row_and_the_papers_beside(finished, capsys):
    runs = [replace(entry, run=replace(entry.run)) for entry in finished.answered]
    lines = [
        replace(line, reported=type(line.reported)(0.5, 0.25))
        for line in summary_lines(replace(finished, answered=runs))
    ]
    print_summary(finished, lines, "table5", Console())
    text = capsys.readouterr().out
    for row in ("G2L", "+ Rel", "+ G_co", "+ G_pos"):
        assert row in text
    miou = lines[0].summary.miou.value
    assert "50.00" in text and f"{100 * (miou - 0.25):+.2f}" in text
    assert "12 expressions, 3 of them without a referent" in text


def make_answer(iou: float, chosen: float, best: float, right: float | None) -> dict:
    return {
        "outcome": {"iou": iou, "score": chosen, "has_target": True, "margin": 0.1},
        "best": {"iou": best, "score": right},
    }


def test_nearest_misses_lost_by_the_smallest_lead():
    right, far = make_answer(0.9, 0.5, 0.9, 0.5), make_answer(0.1, 0.5, 0.9, 0.1)
    near, hopeless, excluded = (
        make_answer(0.1, 0.5, best, score) for best, score in ((0.8, 0.45), (0.3, 0.4), (0.9, None))
    )
    assert cases.nearest_misses([right, far, hopeless, near, excluded]) == [near, far]
    assert cases.best([far, right], 1) == [right]
    assert cases.worst([right, far], 1) == [far]


def test_expressions_without_a_referent_are_no_cases():
    absent = {"outcome": {"iou": None, "has_target": False}, "best": None}
    assert cases.best([absent]) == cases.worst([absent]) == cases.nearest_misses([absent]) == []


def test_the_overlay_shows_answer_and_truth():
    image = np.full((40, 50, 3), 100, np.uint8)
    answer, truth = np.zeros((2, 40, 50), bool)
    answer[5:20, 5:20] = True
    truth[22:38, 22:45] = True
    drawn = cases.overlay(image, answer, truth)
    assert tuple(drawn[22, 30]) == cases.TRUTH
    assert tuple(drawn[5, 10]) == cases.REFERENT
    assert drawn[0, 0, 0] < drawn[12, 12, 0] == 100
