"""Masks of another system are scored on the samples that they are of; what is wrong with their file is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hybridgl_ros.config import load_config
from hybridgl_ros.errors import ConfigError, DatasetError
from hybridgl_ros.evaluation.datasets.segmentations import encode_rle
from hybridgl_ros.evaluation.metrics import summarise
from hybridgl_ros.evaluation.plan import Selection, method_runs
from hybridgl_ros.evaluation.predictions import Predictions
from hybridgl_ros.evaluation.runner import Job, run_job


def plain_rle(mask: np.ndarray) -> dict[str, object]:
    flat = mask.ravel(order="F").astype(np.int8)
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": counts if not flat[0] else [0, *counts]}


@pytest.fixture
def write(tmp_path):
    """write(lines, name) → the file; a text is written as it is."""

    def call(lines: list[object], name: str = "theirs.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
        return path

    return call


@pytest.fixture
def outcomes(tabletop, tmp_path):
    """outcomes(file) → what each sample of the set came to, by id."""

    def call(file: Path):
        runs = method_runs(load_config("embedded"), ["predictions"], {}, [file])

        def no_models(config):
            raise AssertionError("models are loaded")

        finished = run_job(Job({"heldout": tabletop}, runs, load=no_models), tmp_path / "out", overwrite=True)
        (entry,) = finished.answered
        assert entry.run.name == file.stem and entry.complete
        return {outcome.id: outcome for outcome in entry.outcomes}

    return call


def truths(tabletop) -> dict[str, np.ndarray]:
    return {sample.id: tabletop.mask(sample) for sample in tabletop.samples}


def test_right_masks_score_everything(tabletop, write, outcomes):
    lines = [{"id": name, "mask": encode_rle(mask) if mask.any() else []} for name, mask in truths(tabletop).items()]
    found = outcomes(write(lines))
    summary = summarise(list(found.values()))
    figures = (summary.miou, summary.oiou, summary.precision_90, summary.giou, summary.ciou, summary.t_acc)
    assert [figure.value for figure in (*figures, summary.n_acc)] == [1.0] * 7
    # Only proposals and scores could tell these.
    unknown = (summary.ceiling, summary.clip_miou, summary.auroc_score, summary.refused_95, summary.ece)
    assert np.isnan([figure.value for figure in unknown]).all()


def test_every_way_to_write_a_mask_and_unions(tabletop, write, outcomes, tmp_path):
    wanted = truths(tabletop)["s.0-0"]
    upper, lower = wanted.copy(), wanted.copy()
    upper[10:], lower[:10] = False, False
    Image.fromarray(upper.astype(np.uint8) * 255).save(tmp_path / "upper.png")
    half = upper.sum() / wanted.sum()
    for mask, iou in (
        (plain_rle(wanted), 1.0),
        (encode_rle(wanted), 1.0),
        ("upper.png", half),
        (["upper.png", plain_rle(lower)], 1.0),
        ([encode_rle(lower)], 1 - half),
        (plain_rle(np.zeros_like(wanted)), 0.0),
    ):
        outcome = outcomes(write([{"id": "s.0-0", "mask": mask, "score": 0.25}]))["s.0-0"]
        assert outcome.iou == pytest.approx(iou)
        assert outcome.score == 0.25 and outcome.found == (iou > 0)


def test_a_missing_line_is_wrong_whatever_is_meant(write, outcomes, tabletop):
    found = outcomes(write([{"id": "s.0-0", "mask": None}]))
    absent = [outcome for outcome in found.values() if not outcome.has_target]
    present = [outcome for outcome in found.values() if outcome.has_target]
    assert all(outcome.found for outcome in absent) and not any(outcome.found for outcome in present)
    summary = summarise(list(found.values()))
    assert summary.miou.value == summary.giou.value == summary.n_acc.value == 0.0
    coverage = Predictions(write([{"id": "s.0-0", "mask": None}, {"id": "x", "mask": []}])).check(
        {"heldout": tabletop}, 4
    )
    assert coverage.missing == ("s.0-1", "s.0-2", "s.0-3") and coverage.surplus == ("x",)
    first, second = coverage.notes("f")
    assert first.startswith("f: 3 of 4 expressions have no line and count as wrong (s.0-1, s.0-2, s.0-3)")
    assert second == "f: 1 lines are of no expression here (x)"


RLE = {"size": [48, 64], "counts": [0, 3072]}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["{", {"id": "s.0-0", "mask": None}, "3"], r"2 lines cannot be used: line 1: not JSON .*; line 3: wants id"),
        ([{"id": "a", "mask": None}, {"id": "a", "mask": []}], "line 2: a is there twice, first in line 1"),
        ([{"id": "a"}], "line 1: wants id and mask"),
        ([{"id": "a", "mask": 3}], "line 1: mask is neither a path nor an RLE"),
        ([{"id": [], "mask": None}], "line 1: id is neither a text nor a whole number"),
        (['{"id": "a", "mask": null, "score": NaN}'], "line 1: score is not a number"),
        ([{"id": "a", "mask": ""}], "line 1: mask '' cannot be a file"),
        ([], "holds no prediction"),
    ],
)
def test_damaged_files_are_refused_with_their_lines(write, lines, message):
    with pytest.raises(DatasetError, match=message):
        Predictions(write(lines))


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ({**RLE, "size": [64, 48]}, "line 2: mask is 48×64, its image 64×48"),
        ({**RLE, "counts": [0, 3071]}, "line 2: damaged RLE"),
        ({**RLE, "counts": "}"}, "line 2: damaged RLE"),
        ("gone.png", "line 2: mask .*gone.png is missing"),
        ("small.png", "line 2: mask small.png is 3×2, its image 64×48"),
    ],
)
def test_masks_are_looked_at_before_anything_is_scored(write, tabletop, tmp_path, mask, message):
    Image.new("L", (3, 2)).save(tmp_path / "small.png")
    file = write([{"id": "s.0-0", "mask": RLE}, {"id": "s.0-1", "mask": mask}])
    with pytest.raises(DatasetError, match=message):
        Predictions(file).check({"heldout": tabletop}, None)


def test_one_file_may_hold_several_splits(write, tabletop):
    splits = {"a": tabletop, "b": tabletop}
    with pytest.raises(DatasetError, match=r"line 1: s.0-0 is of a and b; name its split"):
        Predictions(write([{"id": "s.0-0", "mask": RLE}])).check(splits, None)
    predictions = Predictions(write([{"id": "s.0-0", "mask": RLE, "split": split, "score": n} for n, split in
                                     enumerate("abc")]))  # fmt: skip
    assert predictions.check(splits, 1).surplus == ("s.0-0",)
    assert [predictions.find(split, tabletop.samples[0]).score for split in "ab"] == [0.0, 1.0]


def test_a_file_of_another_set_is_refused(write, tabletop):
    with pytest.raises(DatasetError, match=r"no line is of an expression of heldout: ids there are like 'ref1'"):
        Predictions(write([{"id": "ref1", "mask": RLE}])).check({"heldout": tabletop}, None)


def test_the_content_tells_runs_apart(write, tmp_path):
    Image.new("L", (3, 2)).save(tmp_path / "m.png")
    file = write([{"id": "a", "mask": "m.png"}])
    before = Predictions(file).digest
    assert Predictions(file).digest == before
    Image.new("L", (3, 2), 9).save(tmp_path / "m.png")
    assert Predictions(file).digest != before


def test_what_does_not_go_together_is_refused(tmp_path):
    one, two = tmp_path / "a.jsonl", tmp_path / "b" / "a.jsonl"
    for selection, message in (
        ({"methods": ["predictions"]}, "--method predictions and --from FILE go together"),
        ({"methods": ["hybridgl"], "sources": [one]}, "go together"),
        ({"methods": ["predictions"], "sources": [one, two]}, "two runs would be called 'a'"),
    ):
        with pytest.raises(ConfigError, match=message):
            Selection(**selection)
    assert not Selection(methods=["predictions"], sources=[one]).needs_models
    assert Selection(methods=["predictions", "hybridgl"], sources=[one]).titles == ["a", "hybridgl"]
