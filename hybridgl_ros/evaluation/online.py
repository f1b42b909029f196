"""What a running node answered while a bag was played: masks against the truth, latency, and the frames left out.

An answer counts for a frame when it has the frame's header stamp and the expression that the bag has in force there;
the first such answer is scored. A live node also answers a new expression on the frame before it, and leaves frames
out when they come faster than it can answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.errors import ConfigError, DatasetError
from hybridgl_ros.evaluation.datasets.pictures import spell
from hybridgl_ros.evaluation.datasets.segmentations import decode_segmentation
from hybridgl_ros.evaluation.metrics import Summary, iou, overlap, summarise
from hybridgl_ros.evaluation.plan import DEFAULT_METHOD
from hybridgl_ros.evaluation.samples import Outcome, Sample


@dataclass(frozen=True)
class Reply:
    """One result of the node.

    stamp: of the image's header, ns. mask: as `encode_rle` gives it, so that a long playback fits into memory.
    received: when it came, in seconds on the player's clock.
    """

    stamp: int
    expression: str
    found: bool
    score: float
    similarity: float
    margin: float
    mask: Mapping[str, Any]
    received: float


@dataclass(frozen=True)
class Playback:
    """How a bag was played.

    published: stamp of each frame (ns) and when it was published, in seconds on the player's clock.
    seen: frames that the node received meanwhile, None when it did not say. complete: whether the bag came to its end
    and was answered. notes: what a reader should know of it.
    """

    published: Mapping[int, float]
    seen: int | None
    complete: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scored:
    """A frame's answer and what it is worth. latency: seconds from publishing the image to having the answer."""

    outcome: Outcome
    mask: Mapping[str, Any]
    latency: float

    def record(self) -> dict[str, Any]:
        """As online.json holds it."""
        outcome = self.outcome
        names = ("id", "image", "expression", "has_target", "found", "score", "similarity", "margin", "intersection",
                 "union", "iou")  # fmt: skip
        known = {name: getattr(outcome, name) for name in names}
        return {**known, "mask": self.mask, "latency": self.latency}


@dataclass(frozen=True)
class Frames:
    """Frames played, seen by the node, answered (at least once), and skipped: seen but never answered.

    scored: those answered under their own expression that have a truth.
    """

    played: int
    seen: int | None
    answered: int
    skipped: int | None
    scored: int


@dataclass(frozen=True)
class Latency:
    """Seconds from publishing an image to having its answer, over the scored frames; None when there are none."""

    p50: float | None
    p95: float | None
    maximum: float | None


@dataclass(frozen=True)
class Agreement:
    """Online against offline on the frames that both answered.

    both: how many (stamp, expression) pairs. equal: those with the same pixels selected. differing: ids of the others.
    score_difference: the largest difference of the scores; they are recorded in six digits.
    """

    both: int
    equal: int
    differing: tuple[str, ...]
    score_difference: float


@dataclass(frozen=True)
class OnlineResult:
    """Everything that an online evaluation found out.

    expected: samples there were to answer. unscored: replies that count for no frame. complete, notes: see `Playback`.
    """

    scored: Sequence[Scored]
    summary: Summary
    frames: Frames
    latency: Latency
    expected: int
    unscored: int
    complete: bool
    notes: tuple[str, ...]


def score(
    samples: Sequence[Sample],
    truth: Callable[[Sample], NDArray[np.bool_]],
    replies: Sequence[Reply],
    playback: Playback,
) -> OnlineResult:
    """Match replies to samples and score them.

    samples: their ids are the stamps, as in `BagDataset`. truth: gives a sample's H×W bool mask.
    Raises DatasetError when a reply's mask is of another size than the truth.
    """
    first = first_replies(replies)
    scored = []
    for sample in samples:
        stamp = int(sample.id)
        reply = first.get((stamp, sample.expression))
        if reply is not None and stamp in playback.published:
            outcome = outcome_of(sample, reply, truth(sample))
            scored.append(Scored(outcome, reply.mask, reply.received - playback.published[stamp]))
    return OnlineResult(
        scored=scored,
        summary=summarise([entry.outcome for entry in scored]),
        frames=count_frames(replies, playback, len(scored)),
        latency=latency_of([entry.latency for entry in scored]),
        expected=len(samples),
        unscored=len(replies) - len(scored),
        complete=playback.complete,
        notes=playback.notes,
    )


def first_replies(replies: Sequence[Reply]) -> dict[tuple[int, str], Reply]:
    """The first reply to each expression on each stamp."""
    return {(reply.stamp, reply.expression): reply for reply in reversed(replies)}


def outcome_of(sample: Sample, reply: Reply, truth: NDArray[np.bool_]) -> Outcome:
    """What a reply is worth; what only the proposals could tell stays unknown."""
    size = reply.mask["size"]
    if tuple(size) != truth.shape:
        raise DatasetError(f"sample {sample.id}: the answer is {spell(size)}, its truth {spell(truth.shape)}")
    both, either = overlap(decode_segmentation(reply.mask, truth.shape, f"sample {sample.id}"), truth)
    known = sample.has_target
    return Outcome(
        id=sample.id, image=sample.image_id, expression=sample.expression, tags=sample.tags, has_target=known,
        found=reply.found, score=reply.score, similarity=reply.similarity, margin=reply.margin, intersection=both,
        union=either, iou=iou(both, either) if known else None, ceiling=None, clip_iou=None, chosen=None,
        n_proposals=0, target_area=float(truth.mean()) if known else None,
    )  # fmt: skip


def count_frames(replies: Collection[Reply], playback: Playback, scored: int) -> Frames:
    """See `Frames`."""
    answered = len({reply.stamp for reply in replies} & set(playback.published))
    skipped = None if playback.seen is None else max(0, playback.seen - answered)
    return Frames(len(playback.published), playback.seen, answered, skipped, scored)


def latency_of(seconds: Sequence[float]) -> Latency:
    """Median, 95th percentile and maximum."""
    if not len(seconds):
        return Latency(None, None, None)
    return Latency(*(float(value) for value in np.percentile(seconds, [50, 95, 100])))


def compare(scored: Sequence[Scored], offline: Sequence[Mapping[str, Any]]) -> Agreement:
    """Online answers against the entries of an offline results.json."""
    known = {(entry["id"], entry["expression"]): entry for entry in offline}
    differing, differences, both = [], [0.0], 0
    for here in (entry.record() for entry in scored):
        there = known.get((here["id"], here["expression"]))
        if there is None:
            continue
        both += 1
        if (here["mask"], here["found"]) != (there["mask"], there["found"]):
            differing.append(here["id"])
        differences.append(abs((here["score"] or 0.0) - (there["score"] or 0.0)))
    return Agreement(both, both - len(differing), tuple(differing), max(differences))


def read_offline(folder: Path, split: str, fingerprint: str) -> list[dict[str, Any]]:
    """The entries of an offline evaluation of the same bag, those of the method that the node runs.

    fingerprint: of the bag's samples. Raises ConfigError when the folder holds none.
    """
    path = folder / "results.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        recorded = content["splits"].get(split)
        runs = [run["name"] for run in content["runs"] if run["method"] == DEFAULT_METHOD]
        entries = content["results"]
    except FileNotFoundError as error:
        raise ConfigError(f"{folder}: no results.json of an offline evaluation to compare with") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: not the results of an evaluation ({error!r})") from error
    if recorded != fingerprint:
        raise ConfigError(f"{path}: results of another bag, or of other topics")
    if not runs:
        raise ConfigError(f"{path}: holds no run of {DEFAULT_METHOD} to compare with")
    return [entry for entry in entries if entry["run"] == runs[0]]
