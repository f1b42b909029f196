"""One description of what a result depends on: it changes with whatever does, and only then."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import fake_evaluation
import pytest
from fake_evaluation import FixedBoxes, make_job

from hybridgl_ros.config import load_config
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation import dependencies as module
from hybridgl_ros.evaluation.cache import StageCache
from hybridgl_ros.evaluation.dependencies import (
    ROOTS,
    STAGES,
    config_models,
    dependencies,
    identity,
    models_of,
    reached,
    stage_dependencies,
)
from hybridgl_ros.evaluation.plan import method_runs
from hybridgl_ros.evaluation.runner import run_job
from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.models.registry import find_checkpoint
from hybridgl_ros.resources import PACKAGE


def names(files) -> set[str]:
    return {file.relative_to(PACKAGE).as_posix() for file in files}


@pytest.fixture
def runs():
    return method_runs(load_config("embedded"), ["hybridgl"], {})


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The package and its configuration copied, and described from the copy."""
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__", "*.zip", "*.gz"))
    shutil.copytree(module.config_directory(), tmp_path / "config")
    monkeypatch.setattr(module, "PACKAGE", tmp_path / PACKAGE.name)
    monkeypatch.setattr(module, "config_directory", lambda: tmp_path / "config")
    clear()
    yield tmp_path / PACKAGE.name
    clear()


def clear() -> None:
    module.code_parts.cache_clear()
    module.stage_dependencies.cache_clear()


def test_the_code_of_an_answer_is_all_that_is_imported_for_it_but_torch():
    """Against what Python itself imports."""
    code = (
        "import sys; from hybridgl_ros.evaluation import evaluator; from hybridgl_ros.evaluation.methods import *\n"
        "from hybridgl_ros.evaluation.methods import method_names, find_method\n"
        "[find_method(name) for name in method_names()]\n"
        "print('\\n'.join(m.__file__ for n, m in sys.modules.items() if n.startswith('hybridgl_ros.') and m.__file__\n"
        "      and not n.startswith('hybridgl_ros.models.parts.')))"
    )
    listed = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True).stdout
    imported = names(Path(line).resolve() for line in listed.splitlines())
    found = names(reached(ROOTS))
    # Folders' own files hold no code of an answer; readers give pixels, which are compared themselves.
    beside = {name for name in imported if name.startswith(("evaluation/datasets/", "tabletop/", "metric/"))}
    assert {name for name in imported - beside - found if not name.endswith("__init__.py")} == set()
    assert not {name for name in found if name.startswith(("ros/", "commands/", "cli.py", "evaluation/report"))}


@pytest.mark.parametrize("stage", STAGES)
def test_the_code_of_a_stage_has_the_models_in_it(stage):
    found = names(reached(STAGES[stage]))
    assert {"models/loading.py", "models/state.py"} <= found
    assert {
        "proposals": "proposals/sam.py",
        "activations": "evaluation/methods/_resnet.py",
        "captions": "evaluation/methods/_captions.py",
    }.get(stage, "clip/encoder.py") in found
    assert not found & {"ros/segment_node.py", "evaluation/report.py"}


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("models/loading.py", {"proposals", "features", "localisation", "activations", "captions"}),
        ("segmenter.py", {"proposals", "features", "localisation", "activations", "captions"}),
        ("proposals/sam.py", {"proposals", "activations"}),
        ("clip/fusion.py", {"features", "localisation", "activations"}),
        ("scoring.py", {"activations"}),
        ("evaluation/metrics.py", set()),
    ],
)
def test_changed_code_changes_the_result_and_the_stages_that_run_it(copy, runs, file, stages):
    before = dependencies(runs), {stage: stage_dependencies(stage) for stage in STAGES}
    with (copy / file).open("a") as source:
        source.write("\n# another version\n")
    clear()
    after = dependencies(runs), {stage: stage_dependencies(stage) for stage in STAGES}
    part = file.split("/")[0]
    assert [name for name in before[0]["code"] if before[0]["code"][name] != after[0]["code"][name]] == [part]
    assert {stage for stage in STAGES if before[1][stage] != after[1][stage]} == stages


@pytest.mark.parametrize("file", ["ros/segment_node.py", "commands/segment.py", "evaluation/report.py", "cli.py"])
def test_what_only_shows_results_changes_nothing(copy, runs, file):
    before = dependencies(runs)
    with (copy / file).open("a") as source:
        source.write("\n# another version\n")
    clear()
    assert dependencies(runs) == before


def test_rules_count_by_their_content(copy, runs):
    before = dependencies(runs)
    with (copy.parent / "config/language/paper.yaml").open("a") as rules:
        rules.write("\n# another word\n")
    after = dependencies(runs)
    assert {name for name in before if before[name] != after[name]} == {"rules"}


def test_data_beside_the_code_count_by_their_content(copy, runs):
    before = dependencies(runs)
    (copy / "language" / "words.txt").write_text("mug")
    clear()
    assert dependencies(runs)["code"]["language"] != before["code"]["language"]


@pytest.mark.parametrize("library", ["opencv", "pillow", "torchvision", "pycocotools", "open_clip_torch", "spacy"])
def test_libraries_count_by_their_version(runs, monkeypatch, library):
    before, stage = dependencies(runs), stage_dependencies("features")
    if library == "opencv":
        monkeypatch.setattr(module.cv2, "__version__", "0.1")
    else:
        versions = module.version
        monkeypatch.setattr(module, "version", lambda name: "0.1" if name == library else versions(name))
    clear()
    assert dependencies(runs)["libraries"][library] == "0.1" != before["libraries"][library]
    assert (stage_dependencies("features") != stage) is (library != "spacy")
    clear()


def test_the_pipeline_that_was_found_counts(runs, monkeypatch):
    before = dependencies(runs)
    pipeline = SimpleNamespace(meta={"lang": "en", "name": "x", "version": "9"})
    monkeypatch.setattr(module, "load_pipeline", lambda name: pipeline)
    assert dependencies(runs)["pipeline"] == "en_x 9" != before["pipeline"]


def test_models_are_their_weights_in_an_architecture(tmp_path, monkeypatch):
    (tmp_path / "weights").write_bytes(b"w")
    entry = f"file: weights, sha256: {hashlib.sha256(b'w').hexdigest()}"
    monkeypatch.setenv("HYBRIDGL_REGISTRY", str(tmp_path / "own.yaml"))
    found = []
    for architecture, width in (("ViT-B-16", 1), ("ViT-B-32", 1), ("own.json", 1), ("own.json", 2)):
        (tmp_path / "own.json").write_text(json.dumps({"width": width}))
        (tmp_path / "own.yaml").write_text(f"mine: {{kind: clip, architecture: {architecture}, {entry}}}")
        found.append(config_models(load_config("embedded", overrides={"models.clip": "mine"}))["clip"])
    assert len(set(found)) == 4
    assert (tmp_path / "own.json").rename(tmp_path / "moved.json")
    (tmp_path / "own.yaml").write_text(f"mine: {{kind: clip, architecture: moved.json, {entry}}}")
    assert identity(find_checkpoint("mine")).startswith(hashlib.sha256(b"w").hexdigest())


def test_the_models_of_a_baseline_count():
    found = models_of(method_runs(load_config("embedded"), ["hybridgl", "grad-cam"], {}))
    assert list(found) == ["sam", "clip", "clip_rn50"]
    assert found["clip_rn50"].startswith(find_checkpoint("clip_rn50").sha256)


def test_a_resumed_run_is_refused_when_the_code_has_changed(copy, tabletop_zip, tmp_path):
    run_job(make_job(tabletop_zip, FixedBoxes()), tmp_path / "out")
    with (copy / "scoring.py").open("a") as source:
        source.write("\n# another version\n")
    clear()
    with pytest.raises(ConfigError, match=r"another run \(depends\.code\.scoring\.py: .* there, .* now\)"):
        run_job(make_job(tabletop_zip, FixedBoxes()), tmp_path / "out")


def test_cached_stages_are_computed_anew_when_their_code_has_changed(copy, picture, tmp_path):
    segmenter = fake_evaluation.loader(FixedBoxes())(load_config("embedded"))
    for change in ("", "models/loading.py"):
        if change:
            with (copy / change).open("a") as source:
                source.write("\n# another version\n")
        clear()
        stages = Stages(segmenter, StageCache(tmp_path / "cache"), {"sam": "a", "clip": "b"})
        stages.start(picture)
        stages.scene(segmenter, picture)
        assert not any(usage.cached for usage in stages.usage())
