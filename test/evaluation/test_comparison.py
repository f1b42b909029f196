"""Finished runs side by side: on the same samples only, with paired intervals, as a table and as a page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from html_page import Page, screenshot

from hybridgl_ros.config import load_config
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.comparison import ALL, FIGURES, compare_runs, group_of, verdict
from hybridgl_ros.evaluation.datasets.opened import Opened, read_opened
from hybridgl_ros.evaluation.datasets.segmentations import encode_rle
from hybridgl_ros.evaluation.finished_runs import comparable, read_runs
from hybridgl_ros.evaluation.metrics import Estimate
from hybridgl_ros.evaluation.output import write_all
from hybridgl_ros.evaluation.plan import method_runs
from hybridgl_ros.evaluation.runner import Job, run_job


@pytest.fixture(scope="module")
def results(tabletop_zip, tmp_path_factory):
    """results(name, lines, limit) → output folder of an evaluation of masks on the small set."""
    from hybridgl_ros.evaluation.datasets.tabletop import TabletopDataset

    base = tmp_path_factory.mktemp("runs")
    dataset = TabletopDataset(tabletop_zip)

    def call(name: str, right: str, limit: int | None = None) -> Path:
        """right: last digits of the ids that it gets right; to the others it answers a corner."""
        file = base / f"{name}.jsonl"
        corner = np.zeros((48, 64), bool)
        corner[-2:, -2:] = True
        lines = []
        for sample in dataset.samples[:limit]:
            mask = dataset.mask(sample) if sample.id[-1] in right else corner
            lines.append({"id": sample.id, "mask": encode_rle(mask) if mask.any() else None})
        file.write_text("\n".join(map(json.dumps, lines)))
        runs = method_runs(load_config("embedded"), ["predictions"], {}, [file])
        opened = Opened("tabletop", tabletop_zip, {"expressions": "templates"})
        job = Job({"heldout": dataset}, runs, limit=limit, opened=opened)
        write_all(run_job(job, base / name, overwrite=True), name, base / name)
        return base / name

    return call


@pytest.fixture(scope="module")
def pair(results) -> list[Path]:
    """The first gets the first expression of each scene right, the second all but the second."""
    return [results("mine", "0"), results("theirs", "023")]


def test_differences_are_those_of_the_same_samples(pair):
    comparison = compare_runs(*comparable(read_runs(pair), False))
    first, second = comparison.figures
    assert [run.name for run in comparison.runs] == ["mine", "theirs"]
    assert (first["miou"].value, second["miou"].value) == pytest.approx((1 / 3, 2 / 3))
    assert (first["n_acc"].value, second["n_acc"].value) == (0.0, 1.0)
    (found,) = comparison.pairs
    assert found.differences["miou"].value == pytest.approx(1 / 3)
    assert found.differences["giou"].value == pytest.approx(0.5) and found.differences["giou"].low > 0
    assert (verdict(found.differences["giou"]), verdict(found.differences["miou"])) == ("better", "too close to tell")
    assert found.differences["n_acc"] == Estimate(1.0, 1.0, 1.0)
    assert {key[1][-1] for key in found.better} == {"2", "3"} and found.worse == ()
    groups = {group.name: group for group in found.groups}
    assert groups[ALL].samples == 12 and (groups[ALL].first, groups[ALL].other, groups[ALL].both) == (0, 6, 3)
    # Three expressions of a kind are too few for an interval.
    assert groups["size"].other == 3 and verdict(groups["size"].difference) == ""


def test_a_run_against_itself_differs_in_nothing(pair):
    comparison = compare_runs(*comparable([read_runs(pair)[0]] * 2, False))
    assert {comparison.pairs[0].differences[name] for name in FIGURES} == {Estimate(0.0, 0.0, 0.0)}


def test_every_run_is_compared_with_the_first(pair, results, hybridgl, tmp_path):
    third = results("third", "03")
    runs, _ = comparable(read_runs([*pair, third]), False)
    assert [(found.other.name, len(found.better)) for found in compare_runs(runs, ()).pairs] == [
        ("theirs", 6),
        ("third", 3),
    ]
    code, text, _ = hybridgl("compare", *pair, third, "--out", tmp_path / "three.html")
    assert code == 0 and "theirs − mine" in text and "third − mine" in text
    assert Page(tmp_path / "three.html").open == []


def test_paired_intervals_are_narrower_than_those_of_the_figures():
    generator = np.random.default_rng(0)
    first = generator.random(200)
    group = group_of("g", np.stack([first, first + 0.01 * generator.random(200)]), 500)
    assert group.difference.high - group.difference.low < 0.01
    assert group.difference.low < group.difference.value < group.difference.high


def test_other_samples_are_refused_or_left_out(pair, results):
    short = results("short", "0", limit=6)
    with pytest.raises(ConfigError, match=r"short lacks 6 of mine's expressions \(heldout s.1-2, .*--common compares"):
        comparable(read_runs([pair[0], short]), False)
    runs, notes = comparable(read_runs([pair[0], short]), True)
    assert [len(run.outcomes) for run in runs] == [6, 6] and "only the 6 expressions" in notes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda content: content.update(dataset="refcoco"),
            "not of the same data set: mine 'tabletop', other 'refcoco'",
        ),
        (lambda content: content.update(truth={"heldout": "official"}), "not of the same truth"),
        (lambda content: content.update(splits={"val": "x"}), "not of the same splits"),
        (lambda content: content["results"][1].update(expression="a mug"), "the expression of heldout s.0-1 is"),
        (lambda content: content["results"][0].update(target_area=0.5), "the target_area of heldout s.0-0 is"),
        (lambda content: content["results"][0].pop("found"), "not the results of an evaluation of this version"),
        (lambda content: content.pop("runs"), "not the results of an evaluation"),
    ],
)
def test_what_is_not_of_the_same_data_is_refused(pair, tmp_path, change, message):
    content = json.loads((pair[1] / "results.json").read_text())
    change(content)
    other = tmp_path / "other"
    other.mkdir()
    (other / "results.json").write_text(json.dumps(content))
    for common in (False, True):
        with pytest.raises(ConfigError, match=message):
            comparable(read_runs([pair[0], other]), common)


def test_folders_without_results_are_refused(pair, tmp_path):
    with pytest.raises(ConfigError, match="no results.json of an evaluation"):
        read_runs([pair[0], tmp_path])
    with pytest.raises(ConfigError, match="there is one run only"):
        read_runs([pair[0], pair[0]])


def test_the_data_set_is_found_again(pair, tabletop_zip):
    opened = read_opened(pair[0])
    assert opened == Opened("tabletop", tabletop_zip, {"expressions": "templates"})
    assert len(opened.open(["heldout"])["heldout"].samples) == 12


@pytest.fixture(scope="module")
def page(pair, tmp_path_factory) -> Path:
    from hybridgl_ros.commands.compare import compare

    out = tmp_path_factory.mktemp("page") / "a.html"
    compare(pair, out=out)
    return out


def test_the_page_brings_all_its_parts(page):
    found = Page(page)
    assert found.open == []
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in found.addresses)
    # Picture, and both masks, of the six expressions on which they disagree.
    assert len(found.pictures) == 3 * 6
    for wanted in ("theirs against mine", "Where theirs is ahead", "mIoU", "N-acc", "The big cube", "nothing is meant"):
        assert wanted in found.text
    assert "Where mine is ahead" not in found.text


def test_a_browser_shows_it(page, tmp_path):
    pixels = screenshot(page, tmp_path)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100


def test_the_command_prints_a_table_or_json(pair, hybridgl, tmp_path):
    out = tmp_path / "new" / "page.html"
    code, text, _ = hybridgl("compare", *pair, "--out", out)
    assert code == 0 and out.is_file()
    assert "theirs − mine" in text and "+33.33 [" in text and "all (12): theirs better than mine by +50.00 [" in text
    code, text, _ = hybridgl("compare", *pair, "--out", out, "--json", "--run", "theirs", "--run", "mine")
    content = json.loads(text)
    assert content["samples"] == 12 and [run["name"] for run in content["runs"]] == ["theirs", "mine"]
    assert content["differences"][0]["miou"]["value"] == pytest.approx(-1 / 3)


def test_a_page_without_the_data_set_says_so(pair, hybridgl, tmp_path):
    code, text, _ = hybridgl("compare", *pair, "--out", tmp_path / "a.html", "--root", tmp_path / "gone.zip")
    assert code == 0 and "there are no pictures" in text
    assert not Page(tmp_path / "a.html").pictures


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "a.txt"), "wants a name that ends in .html"),
        (("--run", "nobody"), "no run 'nobody'; there are mine, theirs"),
        (("--run", "mine"), "one run cannot be compared"),
    ],
)
def test_bad_arguments_are_one_clear_line(pair, hybridgl, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, _, errors = hybridgl("compare", *pair, *arguments)
    assert code == 2 and message in " ".join(errors.split()) and "Traceback" not in errors
