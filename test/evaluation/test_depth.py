"""Depth goes from the data set to the scene, and is part of what answers are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from fake_evaluation import FixedBoxes, loader, make_job

from hybridgl_ros.config import load_config
from hybridgl_ros.evaluation import stages
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.evaluation.datasets.export import export
from hybridgl_ros.evaluation.plan import method_runs
from hybridgl_ros.evaluation.runner import Job, digest_of, evaluate_here
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.types import Scene


@dataclass(frozen=True)
class DeepScene(Scene):
    """A scene that holds depth."""

    depth: np.ndarray | None = None
    intrinsics: np.ndarray | None = None


@pytest.mark.parametrize("depth", [True, False])
def test_scenes_that_hold_depth_get_it_unless_it_is_left_out(tabletop_zip, monkeypatch, depth):
    monkeypatch.setattr(stages, "Scene", DeepScene)
    seen = []
    refer = ReferringSegmenter.refer
    monkeypatch.setattr(
        ReferringSegmenter, "refer", lambda self, scene, text: seen.append(scene) or refer(self, scene, text)
    )
    job = replace(make_job(tabletop_zip, FixedBoxes()), depth=depth, limit=1)
    next(iter(evaluate_here(job, job.tasks())))
    truth = job.datasets["heldout"].scene("s.0")
    for scene in seen:
        assert (scene.depth is not None) == (scene.intrinsics is not None) == depth
        assert not depth or np.array_equal(scene.depth, truth.depth, equal_nan=True)
    assert seen


def test_a_set_with_other_depth_is_evaluated_again(tabletop_zip):
    job = make_job(tabletop_zip, FixedBoxes())
    task = job.tasks()[0]
    without = replace(job, depth=False)
    assert digest_of(job, task) == digest_of(job, task) != digest_of(without, task)
    scene = job.datasets["heldout"].scene("s.0")
    scene.depth[10, 10] += 1
    assert digest_of(job, task) != digest_of(make_job(tabletop_zip, FixedBoxes()), task)
    assert digest_of(without, task) == digest_of(replace(make_job(tabletop_zip, FixedBoxes()), depth=False), task)


@pytest.mark.parametrize("name", ["jsonl", "bag"])
def test_data_of_ones_own_gives_its_depth_to_the_robot(tabletop_zip, tmp_path, monkeypatch, name):
    export(open_dataset("tabletop", root=tabletop_zip), name, tmp_path / "set", limit=2)
    dataset = open_dataset(name, root=tmp_path / "set" / ("samples.jsonl" if name == "jsonl" else ""))
    seen = []
    refer = ReferringSegmenter.refer
    monkeypatch.setattr(
        ReferringSegmenter, "refer", lambda self, scene, text: seen.append(scene) or refer(self, scene, text)
    )
    runs = method_runs(load_config("embedded", preset="robot"), ["hybridgl"], {})
    job = Job({dataset.split: dataset}, runs, load=loader(FixedBoxes()))
    record = next(iter(evaluate_here(job, job.tasks())))
    assert all(scene.depth[5, 5] == pytest.approx(0.75) and np.isnan(scene.depth[0, 0]) for scene in seen)
    assert seen and not any("no depth picture" in note for note in record["answers"]["hybridgl"][0]["notes"])
