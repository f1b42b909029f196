"""`hybridgl evaluate` from its arguments to its files."""

from __future__ import annotations

import csv
import json
from types import SimpleNamespace

import pytest
import saved_recording

from hybridgl_ros.commands import dataset_options
from hybridgl_ros.commands import evaluate as command
from hybridgl_ros.commands.running import FAILED
from hybridgl_ros.evaluation.datasets import open_dataset
from hybridgl_ros.evaluation.datasets.export import export


@pytest.fixture
def evaluate(hybridgl, fake_models, tabletop_zip, tmp_path):
    """evaluate(arguments) → exit code, output, errors; on a small set with fake models."""

    def call(*arguments: object):
        words = ["evaluate", "--dataset", "tabletop", "--root", tabletop_zip, "--out", tmp_path / "out", *arguments]
        if "--cache" not in arguments:
            words.append("--no-cache")
        return hybridgl(*words)

    return call


def rows_of(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_one_method_leaves_every_file(evaluate, tmp_path):
    code, out, _ = evaluate()
    assert code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "breakdown.csv",
        "dataset.json",
        "journal.jsonl",
        "results.json",
        "summary.csv",
        "timings.json",
        "report.html",
    }
    (row,) = rows_of(tmp_path / "out/summary.csv")
    assert (row["dataset"], row["split"], row["run"], row["samples"]) == ("tabletop", "heldout", "hybridgl", "12")
    assert 0 <= float(row["miou_low"]) <= float(row["miou"]) <= float(row["miou_high"]) <= 1
    assert row["paper_miou"] == ""
    groups = {(row["factor"], row["group"]): int(row["samples"]) for row in rows_of(tmp_path / "out/breakdown.csv")}
    assert groups["tag", "relation"] == 3 and groups["length", "3–4 words"] == 6
    assert "hybridgl" in out and "report.html" in out


@pytest.mark.parametrize(("table", "rows"), [("table3", 10), ("table4", 10), ("table5", 4)])
def test_an_ablation_prints_its_table(evaluate, tmp_path, table, rows):
    code, out, _ = evaluate("--ablation", table, "--limit", 4)
    written = rows_of(tmp_path / "out/summary.csv")
    assert code == 0 and len(written) == rows
    assert all(row["run"] in out for row in written)


def test_table_1_leaves_out_what_is_not_here_and_says_so(evaluate, tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path / "empty"))
    code, out, _ = evaluate("--ablation", "table1", "--limit", 4)
    assert code == 0
    assert [row["run"] for row in rows_of(tmp_path / "out/summary.csv")] == [
        "sam-clip",
        "global-local",
        "car",
        "hybridgl",
    ]
    lines = " ".join(out.split())
    assert "grad-cam is left out: the weights of clip_rn50 are missing" in lines
    assert "run: hybridgl download clip_rn50" in lines
    assert "maskclip is left out" in (tmp_path / "out/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("named", [("--method", "maskclip"), ("--ablation", "table1", "--row", "maskclip")])
def test_what_is_named_is_not_left_out(evaluate, tmp_path, monkeypatch, named):
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path / "empty"))
    code, _, errors = evaluate(*named)
    assert code == FAILED and "run: hybridgl download clip_rn50" in errors


def test_rows_of_a_table_run_by_name(evaluate, tmp_path):
    code, _, _ = evaluate("--ablation", "table3", "--row", "G2L", "--row", "G(blur)", "--limit", 4)
    assert code == 0
    # In the order of the table.
    assert [row["run"] for row in rows_of(tmp_path / "out/summary.csv")] == ["G(blur)", "G2L"]


def test_methods_share_one_table(evaluate, tmp_path):
    evaluate("--method", "sam-clip", "--method", "hybridgl", "--preset", "official")
    assert [row["method"] for row in rows_of(tmp_path / "out/summary.csv")] == ["sam-clip", "hybridgl"]
    settings = json.loads((tmp_path / "out/results.json").read_text())["runs"][1]["settings"]
    assert settings["fusion.normalise_guidance"] is False


def test_a_method_named_twice_runs_once(evaluate, tmp_path):
    evaluate("--method", "sam-clip", "--method", "sam-clip", "--limit", 4)
    assert len(rows_of(tmp_path / "out/summary.csv")) == 1


def test_a_folder_may_be_called_like_markup(evaluate, tmp_path):
    code, out, _ = evaluate("--limit", 4, "--out", tmp_path / "[red]" / "[x]")
    assert code == 0
    assert "[red]/[x]/report.html" in out


def test_the_second_run_says_what_the_cache_spared(evaluate, tmp_path):
    evaluate("--cache", tmp_path / "cache", "--ablation", "table5")
    _, out, _ = evaluate("--cache", tmp_path / "cache", "--overwrite", "--set", "fusion.alpha=0.3")
    assert "image stages: 0.0 s computed; from the cache what took" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "fusion.alpha=2"), "fusion.alpha"),
        (("--ablation", "table9"), "there are table1"),
        (("--ablation", "table5", "--row", "G3L"), "table5 has no row 'G3L'; its rows are G2L, + Rel"),
        (("--row", "G2L"), "--row names a row of --ablation"),
        (("--method", "guess"), "there are car"),
        (("--ablation", "table3", "--method", "hybridgl"), "leave out"),
        (("--topic", "picture=/a"), "--topic wants NAME=TOPIC"),
        (("--split-by", "umd"), "does not understand split_by"),
        (("--dataset", "refcocog", "--split-by", "google", "--split", "all"), "the paper reports none split by google"),
    ],
)
def test_bad_arguments_are_one_clear_line(evaluate, arguments, message):
    code, _, errors = evaluate(*arguments)
    assert code == FAILED
    assert message in " ".join(errors.split())
    assert "Traceback" not in errors


def test_changed_settings_need_another_folder(evaluate):
    evaluate("--limit", 4)
    code, _, errors = evaluate("--limit", 4, "--set", "fusion.alpha=0.3")
    assert code == FAILED
    assert "fusion.alpha: 0.6 there, 0.3 now" in " ".join(errors.split())


@pytest.mark.parametrize(
    ("arguments", "truth"),
    [
        ((), "dataset"),
        (("--preset", "official"), "official"),
        (("--preset", "official", "--truth", "dataset"), "dataset"),
    ],
)
def test_the_official_preset_scores_on_the_published_truth(
    hybridgl, fake_models, tabletop_zip, tmp_path, arguments, truth
):
    export(open_dataset("tabletop", root=tabletop_zip), "refer", tmp_path / "set")
    instances = tmp_path / "set/refcoco/instances.json"
    content = json.loads(instances.read_text())
    # Two parts of 16×16 that share the half of each.
    content["annotations"][0]["segmentation"] = [[x, 4, x + 16, 4, x + 16, 20, x, 20] for x in (4, 12)]
    instances.write_text(json.dumps(content))
    root = ("--dataset", "refcoco", "--split", "heldout", "--root", tmp_path / "set", "--config", "embedded")
    assert hybridgl("evaluate", *root, "--out", tmp_path / "out", "--no-cache", "--limit", 1, *arguments)[0] == 0
    found = json.loads((tmp_path / "out/results.json").read_text())
    assert found["truth"] == {"heldout": truth}
    assert found["results"][0]["target_area"] * 48 * 64 == pytest.approx({"dataset": 384, "official": 256}[truth])


def test_photographs_get_the_models_for_photographs():
    assert {command.default_config(name) for name in ("refcoco+", "grefcoco", "sunspot", "ocid-ref")} == {"photo"}
    assert command.default_preset("refcoco+", None, None) == "paper"
    assert command.default_preset("grefcoco", None, None) is None
    assert command.default_config("tabletop") == command.default_config("bag") == "embedded"


def test_all_splits_that_the_paper_reports(monkeypatch):
    opened = []

    def open_one(name, split, root, **options):
        opened.append(split)
        return SimpleNamespace(split=split, samples=())

    monkeypatch.setattr(dataset_options, "open_dataset", open_one)
    assert list(dataset_options.open_splits("refcoco", ["all"], None)) == ["val", "testA", "testB"]
    assert opened == ["val", "testA", "testB"]


def test_expressions_and_depth_are_chosen(evaluate, tmp_path):
    code, _, _ = evaluate("--expressions", "more", "--no-depth", "--limit", 3)
    content = json.loads((tmp_path / "out/results.json").read_text(encoding="utf-8"))
    assert code == 0 and content["depth"] is False and len(content["results"]) == 3
    assert "the red cube" not in {entry["expression"] for entry in content["results"]}


def test_the_first_samples_are_recorded_beside_their_truth(evaluate, tmp_path):
    file = tmp_path / "run.rrd"
    recorded = ("--rerun", file, "--rerun-limit", 6, "--ablation", "table5", "--row", "G2L", "--row", "+ Rel")
    code, _, errors = evaluate(*recorded)
    assert code == 0 and "recorded 6 samples" in errors
    found = saved_recording.lines(file)
    assert found["/sample"] == found["/truth"] == {"sample": set(range(6))}
    # A picture stands until the next one comes: four expressions each.
    assert found["/camera/image"] == found["/camera/cloud"] == found["/runs/G2L/proposals"] == {"sample": {0, 4}}
    assert found["/runs/Rel/answer/mask"] == found["/runs/G2L/answer/text"] == {"sample": set(range(6))}
    assert found["/runs/Rel/iou"] == {"sample": {0, 1, 2, 4, 5}}
    _, _, errors = evaluate(*recorded)
    assert "recorded 0 samples" in errors and saved_recording.lines(file) == found


def test_masks_of_the_cache_are_recorded_too(evaluate, tmp_path):
    cached, file = ("--cache", tmp_path / "cache", "--limit", 4), tmp_path / "run.rrd"
    evaluate(*cached)
    evaluate(*cached, "--overwrite", "--preset", "paper", "--rerun", file)
    found = saved_recording.lines(file)
    assert {f"/runs/hybridgl/{name}" for name in ("proposals", "answer/mask", "answer/maps/localisation")} <= set(found)


def test_workers_do_not_record(evaluate, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "pool_of", lambda workers, address: object())
    code, _, errors = evaluate("--workers", 2, "--rerun", tmp_path / "run.rrd")
    assert code == FAILED and "leave out --workers" in errors and errors.count("\n") == 1


def test_unknown_expressions_are_refused(evaluate, tmp_path):
    code, _, err = evaluate("--expressions", "poems")
    assert code != 0 and "no expressions 'poems'; there are templates, more, people" in err


def test_masks_of_another_system_need_no_models(hybridgl, tabletop_zip, tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path / "no weights"))
    file = tmp_path / "theirs.jsonl"
    file.write_text('{"id": "s.0-0", "mask": {"size": [48, 64], "counts": [0, 3072]}}\n{"id": "s.9-9", "mask": null}\n')
    arguments = ["evaluate", "--dataset", "tabletop", "--root", tabletop_zip, "--out", tmp_path / "out", "--no-cache",
                 "--config", "photo", "--method", "predictions", "--from", file]  # fmt: skip
    code, out, _ = hybridgl(*arguments)
    assert code == 0
    (row,) = rows_of(tmp_path / "out/summary.csv")
    assert (row["run"], row["method"], row["samples"], row["ceiling"]) == ("theirs", "predictions", "12", "")
    for text in (out, (tmp_path / "out/report.html").read_text(encoding="utf-8")):
        assert "11 of 12 expressions have no line and count as wrong (s.0-1" in text
        assert "1 lines are of no expression here (s.9-9)" in text
    file.write_text('{"id": "s.0-0", "mask": null}\n')
    code, _, errors = hybridgl(*arguments)
    assert code == FAILED and "runs.0.file" in " ".join(errors.split())
