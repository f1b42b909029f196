"""Row 9: everything that depends on the picture only, with the embedded models; row 13: two of them at once."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path
from hybridgl_ros.threads import QUIET

from .baseline import COMMIT, NoBaselineError, baseline, same_weights
from .processes import Child
from .rows import Row

WHAT = "one new frame 320×240, embedded, whole encode"


def rows(device: str, quick: bool) -> Iterator[Row]:
    """A frame against the earlier version, and two processes against one; another device against the processor."""
    rounds = 3 if quick else 9
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture = folder / "picture.npy"
        np.save(picture, TabletopSet(heldout_path())[0].image)
        if device != "cpu":
            yield on_device(device, folder, picture, rounds)
            return
        try:
            yield frame(folder, picture, rounds)
        except NoBaselineError as error:
            yield Row.skipped(9, WHAT, "≥ 2.2×", str(error))
        yield two_at_once(folder, picture, rounds)


def frame(folder: Path, picture: Path, rounds: int) -> Row:
    """Both versions with the earlier one's weights and the paper's preset, and today's own default beside."""
    before = baseline()
    weights = {"HYBRIDGL_REGISTRY": str(same_weights())}
    ways = {
        "ours": Child("encode", "paper", picture, 0, folder / "ours.npz", environment=weights),
        "theirs": Child("encode", "paper", picture, 0, folder / "theirs.npz", environment=before),
        "robot": Child("encode", "robot", picture, 0, folder / "robot.npz"),
    }
    seconds = in_turn(ways, rounds)
    equal = same(folder / "ours.npz", folder / "theirs.npz")
    note = f"preset paper in both; the default preset, robot, takes {seconds['robot']:.3f} s"
    for child in ways.values():
        child.close()
    return Row.faster(9, WHAT, COMMIT, (seconds["ours"], seconds["theirs"]), 2.2, equal=equal, note=note)


def on_device(device: str, folder: Path, picture: Path, rounds: int) -> Row:
    """Today's default preset on a device and on the processor beside it."""
    ways = {name: Child("encode", "robot", picture, 0, folder / f"{name}.npz", name) for name in (device, "cpu")}
    seconds = in_turn(ways, rounds)
    for child in ways.values():
        child.close()
    with np.load(folder / f"{device}.npz") as ours, np.load(folder / "cpu.npz") as theirs:
        count = len(theirs["masks"])
        alike = sum(map(np.array_equal, ours["masks"], theirs["masks"])) if len(ours["masks"]) == count else 0
    note = f"preset robot; {alike} of {count} masks are the same to the bit"
    times = seconds[device], seconds["cpu"]
    return Row.faster(9, WHAT, "the processor", times, 1.0, equal=alike == count, note=note)


def in_turn(ways: Mapping[str, Child], rounds: int) -> dict[str, float]:
    """Median seconds of every child, one after the other; a first round is not counted."""
    for child in ways.values():
        child.ask()
    taken = [{name: child.ask()["seconds"] for name, child in ways.items()} for _ in range(rounds)]
    return {name: statistics.median(one[name] for one in taken) for name in ways}


def same(ours: Path, theirs: Path) -> bool:
    """Equal masks in equal order, features and map tokens to 1e-4 of their size."""
    with np.load(ours) as a, np.load(theirs) as b:
        if not np.array_equal(a["masks"], b["masks"]):
            return False
        return all(np.abs(a[name] - b[name]).max() <= 1e-4 * np.abs(b[name]).max() for name in ("features", "tokens"))


def two_at_once(folder: Path, picture: Path, rounds: int) -> Row:
    """Seconds an image of two processes that work at once, against one alone; threads wait as the node's do."""
    first, second = (
        Child("encode", "robot", picture, 0, folder / f"{name}.npz", environment=QUIET) for name in ("first", "second")
    )
    alone, both = [], []
    for number in range(rounds + 1):
        seconds = first.ask()["seconds"]
        first.send()
        second.send()
        together = statistics.mean([first.answer()["seconds"], second.answer()["seconds"]])
        if number:
            alone.append(seconds)
            both.append(together)
    for child in (first, second):
        child.close()
    ours, theirs = statistics.median(both), statistics.median(alone)
    return Row(
        13,
        "two processes at once, per image, embedded",
        "one alone",
        ours,
        theirs,
        "s",
        ratio=ours / theirs,
        goal="≤ 2.1×",
        equal=None,
        reached=ours / theirs <= 2.1,
    )
