"""Durable, resumable, the same from any number of processes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import fake_evaluation
import pytest
from fake_evaluation import FixedBoxes, make_job
from rich.console import Console

import hybridgl_ros
from hybridgl_ros.errors import ConfigError, DatasetError, WeightsError
from hybridgl_ros.evaluation import journal, runner
from hybridgl_ros.evaluation.journal import NAME, Journal
from hybridgl_ros.evaluation.results import summary_lines, write_results, write_summary
from hybridgl_ros.evaluation.runner import evaluate_here, run_job
from hybridgl_ros.evaluation.screen import cache_text

PATIENCE = 300
RUNS = 4
"""Rows of table5."""


def finish(job, out: Path, **options) -> tuple[bytes, bytes]:
    """Run a job to its end; results.json and summary.csv."""
    finished = run_job(job, out, **options)
    write_results(finished, out)
    write_summary(summary_lines(finished), out)
    return (out / "results.json").read_bytes(), (out / "summary.csv").read_bytes()


@pytest.fixture(scope="module")
def whole(tabletop_zip, tmp_path_factory) -> tuple[bytes, bytes]:
    """The files of an uninterrupted run."""
    return finish(make_job(tabletop_zip, FixedBoxes()), tmp_path_factory.mktemp("whole"))


def start(*arguments: object) -> subprocess.Popen:
    package, fakes = (Path(file).resolve() for file in (hybridgl_ros.__file__, fake_evaluation.__file__))
    paths = os.pathsep.join([str(package.parents[1]), str(fakes.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, fake_evaluation.__file__, *map(str, arguments)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_results_say_everything_of_every_expression(whole):
    content = json.loads(whole[0])
    assert content["complete"] is True
    assert len(content["results"]) == RUNS * 12
    assert [entry["id"] for entry in content["results"][:5]] == ["s.0-0", "s.0-1", "s.0-2", "s.0-3", "s.1-0"]
    entry = content["results"][0]
    assert entry["expression"] == "the red cube" and entry["image"] == "s.0" and entry["run"] == "G2L"
    assert entry["candidates"][0]["proposal"] == entry["chosen"]
    assert entry["candidates"][0]["iou"] == pytest.approx(entry["iou"])
    assert entry["best"]["iou"] == entry["ceiling"] == 1.0
    assert entry["parse"]["target"] == "the red cube"
    assert entry["mask"]["size"] == [48, 64]
    assert "timings" not in entry


def test_a_killed_run_goes_on_and_ends_the_same(whole, tabletop_zip, tmp_path):
    out = tmp_path / "out"
    process = start(tabletop_zip, out, "--delay", "2")
    deadline = time.monotonic() + PATIENCE
    while lines_of(out / NAME) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = lines_of(out / NAME) - 1
    assert process.returncode == -signal.SIGKILL
    assert 1 <= done < 3
    generator = FixedBoxes()
    assert finish(make_job(tabletop_zip, generator), out) == whole
    assert generator.calls == 3 - done


def test_a_torn_line_is_evaluated_again(whole, tabletop_zip, tmp_path):
    finish(make_job(tabletop_zip, FixedBoxes()), tmp_path)
    journal = (tmp_path / NAME).read_bytes()
    last = journal.rindex(b"\n", 0, -1) + 1
    for cut in (0, 5, last - 1, last, last + 1, last + 200, len(journal) - 1):
        (tmp_path / NAME).write_bytes(journal[:cut])
        assert finish(make_job(tabletop_zip, FixedBoxes()), tmp_path) == whole


def test_a_line_that_is_no_record_is_evaluated_again(whole, tabletop_zip, tmp_path):
    finish(make_job(tabletop_zip, FixedBoxes()), tmp_path)
    lines = (tmp_path / NAME).read_bytes().splitlines(keepends=True)
    (tmp_path / NAME).write_bytes(lines[0] + lines[1] + b'{"x": 1}\n' + lines[3])
    generator = FixedBoxes()
    assert finish(make_job(tabletop_zip, generator), tmp_path) == whole
    assert generator.calls == 2


@pytest.mark.parametrize("part", ["image", "mask"])
def test_what_was_scored_on_other_data_is_evaluated_again(tabletop_zip, tmp_path, monkeypatch, part):
    job = make_job(tabletop_zip, FixedBoxes())
    run_job(job, tmp_path)
    dataset = job.datasets["heldout"]
    read = getattr(dataset, part)

    def changed(what):
        values = read(what).copy()
        if "s.1" in (what, getattr(what, "image_id", None)):
            values[0, 0] = ~values[0, 0]
        return values

    monkeypatch.setattr(dataset, part, changed)
    generator, log = FixedBoxes(), io.StringIO()
    again = replace(make_job(tabletop_zip, generator), datasets=job.datasets)
    anew = finish(again, tmp_path, console=Console(file=log))
    assert generator.calls == 1
    assert "2 of 3 images were done before" in log.getvalue() and "1 were done on other pictures" in log.getvalue()
    assert anew == finish(replace(again, load=job.load), tmp_path / "anew")
    assert finish(again, tmp_path, console=Console(file=io.StringIO())) == anew
    assert generator.calls == 1


def test_a_full_disk_is_named(tabletop_zip, tmp_path, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal.os, "fsync", full)
    with pytest.raises(ConfigError, match=r"journal\.jsonl: cannot be written \(No space left on device\)"):
        run_job(make_job(tabletop_zip, FixedBoxes()), tmp_path)


def test_nothing_is_evaluated_twice(whole, tabletop_zip, tmp_path):
    for calls in (3, 0):
        generator = FixedBoxes()
        assert finish(make_job(tabletop_zip, generator), tmp_path) == whole
        assert generator.calls == calls


def test_another_run_in_the_folder_is_refused_unless_overwritten(tabletop_zip, tmp_path):
    run_job(make_job(tabletop_zip, FixedBoxes()), tmp_path)
    other = make_job(tabletop_zip, FixedBoxes(), ablation="relation-scale")
    with pytest.raises(ConfigError, match=r"another run.*--overwrite"):
        run_job(other, tmp_path)
    assert run_job(other, tmp_path, overwrite=True).complete


def test_a_run_that_failed_at_its_start_does_not_claim_the_folder(tabletop_zip, tmp_path):
    def fail(job, tasks):
        raise WeightsError("the weights are missing")

    with pytest.raises(WeightsError):
        run_job(make_job(tabletop_zip, FixedBoxes()), tmp_path, evaluate_all=fail)
    assert run_job(make_job(tabletop_zip, FixedBoxes(), ablation="relation-scale"), tmp_path).complete


def test_two_processes_do_not_write_to_one_folder(tmp_path):
    with Journal(tmp_path, {"a": 1}), pytest.raises(ConfigError, match="another evaluation"):
        Journal(tmp_path, {"a": 1})


def test_interrupting_leaves_what_was_done(tabletop_zip, tmp_path):
    def interrupted(job, tasks):
        for number, record in enumerate(evaluate_here(job, tasks)):
            if number == 2:
                raise KeyboardInterrupt
            yield record

    finished = run_job(make_job(tabletop_zip, FixedBoxes()), tmp_path, evaluate_all=interrupted)
    assert not finished.complete
    assert [len(entry.answers) for entry in finished.answered] == [8] * RUNS
    write_results(finished, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["complete"] is False


def test_a_second_evaluation_needs_no_image_stage(whole, tabletop_zip, tmp_path):
    for number, calls in enumerate((3, 0)):
        generator = FixedBoxes()
        job = make_job(tabletop_zip, generator, tmp_path / "cache")
        finished = run_job(job, tmp_path / str(number))
        assert generator.calls == calls
        write_results(finished, tmp_path / str(number))
        assert (tmp_path / str(number) / "results.json").read_bytes() == whole[0]
    assert all(usage["cached"] for usage in finished.stages)
    assert "from the cache what took" in cache_text(finished)


def test_results_name_the_weights_the_run_started_with(tabletop_zip, tmp_path, monkeypatch):
    finished = run_job(make_job(tabletop_zip, FixedBoxes()), tmp_path)
    monkeypatch.setattr(runner, "models_of", lambda runs: {"sam": "replaced", "clip": "replaced"})
    write_results(finished, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["models"] == finished.key["models"]
    assert finished.key["models"]["sam"] != "replaced"


def test_a_log_without_a_terminal_tells_how_far_it_is(tabletop_zip, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "LINE_PERIOD", 0.0)
    log = io.StringIO()
    run_job(make_job(tabletop_zip, FixedBoxes()), tmp_path, console=Console(file=log))
    lines = log.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == [f"{number} of 3 images" for number in (1, 2, 3)]
    assert all("mIoU" in line for line in lines)
    assert lines[1].endswith(" left")


def test_a_limit_takes_the_first_expressions(tabletop_zip, tmp_path):
    job = make_job(tabletop_zip, FixedBoxes())
    limited = type(job)(job.datasets, job.runs, limit=5, load=job.load)
    finished = run_job(limited, tmp_path)
    assert [outcome.id for outcome in finished.answered[0].outcomes] == ["s.0-0", "s.0-1", "s.0-2", "s.0-3", "s.1-0"]


def test_an_unreadable_image_names_itself_and_keeps_the_rest(tabletop_zip, tmp_path, monkeypatch):
    job = make_job(tabletop_zip, FixedBoxes())
    dataset = job.datasets["heldout"]
    whole_image = dataset.image

    def image(identity):
        if identity == "s.1":
            raise DatasetError("set.zip: s.1 is damaged")
        return whole_image(identity)

    monkeypatch.setattr(dataset, "image", image)
    with pytest.raises(DatasetError, match=r"s\.1 is damaged"):
        run_job(job, tmp_path)
    assert lines_of(tmp_path / NAME) == 2


def test_two_workers_give_the_same_bytes_and_a_dead_one_is_reported(whole, tabletop_zip, tmp_path):
    pytest.importorskip("ray")
    process = start(tabletop_zip, tmp_path / "out", "--workers", 2, "--die", tmp_path / "died")
    _, errors = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, errors
    assert (tmp_path / "died").exists()
    assert "a worker died and was started again" in errors
    assert ((tmp_path / "out/results.json").read_bytes(), (tmp_path / "out/summary.csv").read_bytes()) == whole
