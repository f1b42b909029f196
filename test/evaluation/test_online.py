"""What counts of the replies of a live node; no ROS needed."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from rich.console import Console

from hybridgl_ros.errors import ConfigError, DatasetError
from hybridgl_ros.evaluation.datasets.segmentations import encode_rle
from hybridgl_ros.evaluation.online import Playback, Reply, compare, read_offline, score
from hybridgl_ros.evaluation.online_results import print_online, write_online
from hybridgl_ros.evaluation.samples import Sample

TRUTH = np.zeros((4, 6), bool)
TRUTH[1:3, 1:5] = True
HALF = TRUTH.copy()
HALF[2] = False
SAMPLES = [Sample(str(stamp), str(stamp), text) for stamp, text in ((10, "a"), (20, "b"), (30, "c"), (40, "c"))]
PUBLISHED = {10: 1.0, 20: 2.0, 30: 3.0, 40: 4.0}


def reply(stamp: int, expression: str, received: float, mask: np.ndarray = TRUTH, score: float = 0.5) -> Reply:
    return Reply(stamp, expression, bool(mask.any()), score, 0.3, 0.1, encode_rle(mask), received)


def truth(sample: Sample) -> np.ndarray:
    return TRUTH


REPLIES = [
    reply(10, "a", 1.2),
    reply(10, "b", 1.6, HALF),  # the next expression, still on this frame
    reply(20, "b", 2.4, HALF),
    reply(20, "b", 2.9, TRUTH),  # a repetition
    reply(40, "c", 4.9),
    reply(99, "c", 5.0),  # another publisher's frame
]


@pytest.fixture
def result():
    return score(SAMPLES, truth, REPLIES, Playback(PUBLISHED, 4, True))


def test_a_reply_counts_for_the_frame_and_expression_of_the_bag(result):
    assert [(entry.outcome.id, entry.outcome.iou) for entry in result.scored] == [("10", 1), ("20", 0.5), ("40", 1)]
    assert result.summary.miou.value == pytest.approx(2.5 / 3)
    assert result.summary.oiou.value == pytest.approx(20 / 24)
    assert (result.expected, result.unscored) == (4, 3)


def test_frames_are_seen_answered_or_skipped(result):
    frames = result.frames
    assert (frames.played, frames.seen, frames.answered, frames.skipped, frames.scored) == (4, 4, 3, 1, 3)
    unknown = score(SAMPLES, truth, REPLIES, Playback(PUBLISHED, None, False)).frames
    assert (unknown.seen, unknown.skipped) == (None, None)


def test_a_long_playback_fits_into_memory():
    """Replies hold runs, not pixels: those of a full HD mask are a few hundred bytes."""
    mask = np.zeros((1080, 1920), bool)
    mask[300:700, 500:900] = True
    held = reply(10, "a", 1.2, mask)
    assert len(pickle.dumps(held)) < 5000
    sample = Sample("10", "10", "a")
    (scored,) = score([sample], lambda _: mask, [held], Playback(PUBLISHED, 1, True)).scored
    assert scored.outcome.iou == 1
    assert len(pickle.dumps(scored)) < 5000


def test_latency_is_from_publishing_to_the_first_answer(result):
    assert result.latency.p50 == pytest.approx(0.4)
    assert result.latency.p95 == pytest.approx(0.85)
    assert result.latency.maximum == pytest.approx(0.9)
    assert score(SAMPLES, truth, [], Playback(PUBLISHED, 4, True)).latency.maximum is None


def test_an_expression_without_a_referent_has_no_iou():
    nothing = np.zeros_like(TRUTH)
    sample = Sample("10", "10", "a", has_target=False)
    result = score([sample], lambda _: nothing, [reply(10, "a", 1.5, nothing)], Playback(PUBLISHED, 1, True))
    assert result.scored[0].outcome.iou is None
    assert not result.scored[0].outcome.found
    assert result.summary.with_target == 0


def test_an_answer_of_another_size_is_refused():
    with pytest.raises(DatasetError, match="sample 10: the answer is 3×4, its truth 6×4"):
        score(SAMPLES, truth, [reply(10, "a", 1.2, TRUTH[:, :3])], Playback(PUBLISHED, 1, True))


def entry(stamp: int, expression: str, mask: np.ndarray, **changes) -> dict:
    known = {"run": "hybridgl", "id": str(stamp), "expression": expression, "found": True, "score": 0.5}
    return {**known, "mask": encode_rle(mask), **changes}


def test_agreement_is_of_the_pixels_on_the_frames_that_both_answered(result):
    offline = [
        entry(10, "a", TRUTH),
        entry(20, "b", TRUTH, score=0.75),
        entry(30, "c", TRUTH),
        entry(40, "other", TRUTH),
    ]
    agreement = compare(result.scored, offline)
    assert (agreement.both, agreement.equal, agreement.differing) == (2, 1, ("20",))
    assert agreement.score_difference == 0.25
    assert compare(result.scored, []).both == 0


def write_offline(folder, **changes) -> None:
    runs = [{"name": "CLIP only", "method": "sam-clip"}, {"name": "ours", "method": "hybridgl"}]
    results = [{"run": "CLIP only", "id": "1"}, {"run": "ours", "id": "1"}]
    content = {"splits": {"bag": "print"}, "runs": runs, "results": results, **changes}
    (folder / "results.json").write_text(json.dumps(content))


def test_offline_results_are_those_of_the_nodes_method(tmp_path):
    write_offline(tmp_path)
    assert read_offline(tmp_path, "bag", "print") == [{"run": "ours", "id": "1"}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"splits": {"bag": "other"}}, "results of another bag"),
        ({"splits": {}}, "results of another bag"),
        ({"splits": None}, "not the results of an evaluation"),
        ({"runs": []}, "no run of hybridgl"),
    ],
)
def test_offline_results_of_something_else_are_refused(tmp_path, changes, message):
    write_offline(tmp_path, **changes)
    with pytest.raises(ConfigError, match=message):
        read_offline(tmp_path, "bag", "print")


def test_missing_or_torn_offline_results_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"no results\.json"):
        read_offline(tmp_path, "bag", "print")
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(ConfigError, match=r"results\.json: not the results"):
        read_offline(tmp_path, "bag", "print")


def test_what_is_written_and_printed(result, tmp_path):
    agreement = compare(result.scored, [entry(10, "a", TRUTH), entry(20, "b", TRUTH)])
    path = write_online(result, agreement, {"rate": 0.5}, tmp_path / "out")
    content = json.loads(path.read_text())
    assert content["rate"] == 0.5
    assert content["frames"]["skipped"] == 1
    assert content["agreement"]["differing"] == ["20"]
    assert [found["iou"] for found in content["results"]] == [1.0, 0.5, 1.0]
    assert content["summary"]["f1"] is None
    assert not any(name.startswith(("ceiling", "clip")) for name in content["summary"])
    console = Console(record=True, width=150)
    print_online(result, agreement, "title", console)
    text = console.export_text()
    assert "frames: 4 played, 4 seen by the node, 3 answered, 1 skipped; 3 answered under" in text
    assert "p50 400 ms, p95 850 ms, max 900 ms" in text
    assert "2 frames seen by both, 1 equal; different: 20" in text


def test_nothing_answered_is_written_and_printed(tmp_path):
    nothing = score(SAMPLES, truth, [], Playback(PUBLISHED, 0, False, ("the node fell silent",)))
    content = json.loads(write_online(nothing, None, {}, tmp_path).read_text())
    assert content["results"] == []
    assert content["summary"]["miou"] is None
    assert content["notes"] == ["the node fell silent"]
    console = Console(record=True, width=150)
    print_online(nothing, None, "title", console)
    assert "the node fell silent" in console.export_text()
