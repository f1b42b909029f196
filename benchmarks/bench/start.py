"""Row 12: from nothing to the first answer, the node and the command line."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from PIL import Image

from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path

from .baseline import COMMIT, NoBaselineError, baseline
from .processes import Child
from .rows import Row

EXPRESSION = "the cube on the left"


def rows(device: str, quick: bool) -> Iterator[Row]:
    """The node's start until its first answer, and `hybridgl segment` on a small picture."""
    rounds = 2 if quick else 5
    goal = "≥ 1.8×"
    try:
        before = baseline()
    except NoBaselineError as error:
        yield Row.skipped(12, "node start → first answer; hybridgl segment", goal, str(error))
        return
    yield Row.faster(12, "node start → first answer, embedded", COMMIT, node_start(before, rounds), 1.8)
    yield Row.faster(12, "hybridgl segment, 320×240, embedded", COMMIT, command(before, rounds), 1.8)


def node_start(before: Mapping[str, str], rounds: int) -> tuple[float, float]:
    """Median seconds from the start of the process until the answer of a call is there."""
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        for name, environment in (("ours", None), ("theirs", before)):
            child = Child("first_answer", environment=environment)
            taken[name].append(child.ask(EXPRESSION)["seconds"])
            child.close()
    return statistics.median(taken["ours"]), statistics.median(taken["theirs"])


def command(before: Mapping[str, str], rounds: int) -> tuple[float, float]:
    """Median seconds of the whole command."""
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        Image.fromarray(TabletopSet(heldout_path())[0].image).save(picture)
        for number in range(rounds + 1):
            for name, environment in (("ours", None), ("theirs", before)):
                started = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-m", "hybridgl_ros.cli", "segment", picture, EXPRESSION],
                    env=environment,
                    cwd=folder,
                    check=False,
                    capture_output=True,
                )
                if number:
                    taken[name].append(time.perf_counter() - started)
    return statistics.median(taken["ours"]), statistics.median(taken["theirs"])
