"""One round of the soak; `make soak` goes on for minutes, and judges seconds and memory, too."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from soak.__main__ import growth, verdicts
from soak.faults import FAULTS

TEST = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    out = tmp_path_factory.mktemp("soak") / "soak.json"
    paths = [str(TEST), str(TEST / "ros"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "soak", "--minutes", "0", "--unjudged", "--out", out],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(out.read_text(encoding="utf-8"))


def test_every_fault_struck_and_every_promise_was_kept(report) -> None:
    assert {row["name"] for row in report["faults"]} == {fault.name for fault in FAULTS}
    for row in report["faults"]:
        assert row["struck"] == row["kept"] == row["times"] > 0 and row["evidence"], row


def test_nothing_was_lost_or_wrong(report) -> None:
    assert report["lost"] == report["wrong"] == 0, report["examples"]
    assert report["accepted"] == report["replied"] > 0
    assert report["results"] and report["with_place"] and report["refused"]


def test_a_broken_promise_is_told() -> None:
    row = {"name": "a", "times": 2, "struck": 1, "kept": 1, "broken": ["no answer"]}
    figures = {"lost": 1, "wrong": 0, "accepted": 5, "replied": 4, "with_place": 1, "memory_growth_percent": 6.0}
    said = " | ".join(verdicts({**figures, "faults": [row]}))
    assert "1 lost" in said and "a did not strike" in said and "no answer" in said and "6.0 %" in said
    unseen = {**figures, "memory_growth_percent": growth([math.nan] * 5)}
    assert "nan %" in " | ".join(verdicts({**unseen, "faults": [row]}))
    assert growth([100.0] * 30 + [110.0] * 30) == pytest.approx(10)
    assert growth([100.0]) is None
