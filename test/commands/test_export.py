"""`hybridgl export` from its arguments to its files."""

from __future__ import annotations

import pytest

from hybridgl_ros.commands.running import FAILED
from hybridgl_ros.evaluation.datasets import open_dataset


@pytest.fixture
def export(hybridgl, tabletop_zip, tmp_path):
    """export(arguments) → exit code, output, errors; of a set of 12 expressions, 3 of them without a referent."""

    def call(*arguments: object):
        return hybridgl(
            "export", "--dataset", "tabletop", "--root", tabletop_zip, "--out", tmp_path / "out", *arguments
        )

    return call


@pytest.mark.parametrize(
    ("format_name", "dataset", "file", "count"),
    [
        ("jsonl", "jsonl", "samples.jsonl", 12),
        ("refer", "refcoco", "", 9),
        ("bag", "bag", "", 12),
        ("mcap", "bag", "", 12),
    ],
)
def test_what_is_exported_can_be_evaluated(export, tmp_path, format_name, dataset, file, count):
    code, out, _ = export("--format", format_name)
    assert code == 0 and f"{count} expressions of tabletop heldout" in out
    split = "heldout" if dataset == "refcoco" else None
    assert len(open_dataset(dataset, split, tmp_path / "out" / file).samples) == count


def test_a_limit_takes_the_first_expressions(export, tmp_path):
    export("--limit", 2)
    assert len((tmp_path / "out/samples.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "coco"), "no format 'coco'; there are jsonl"),
        (("--split", "a", "--split", "b"), "one split at a time, not a, b"),
    ],
)
def test_bad_arguments_are_one_clear_line(export, arguments, message):
    code, _, errors = export(*arguments)
    assert code == FAILED
    assert message in " ".join(errors.split())
    assert "Traceback" not in errors
