"""The executables with the models that ship: a picture of the tabletop, an expression, the right pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hybridgl_ros.msg import ReferredObject, ReferredObjects
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from hybridgl_ros.models.cache import weights_path
from hybridgl_ros.models.registry import find_checkpoint
from hybridgl_ros.pixels import unpack_rows
from hybridgl_ros.ros.common.conversion import image_message
from hybridgl_ros.tabletop.dataset import TabletopSet, validation_path

LOADING_TIME = 600.0


@pytest.fixture(scope="module")
def scenes() -> TabletopSet:
    return TabletopSet(validation_path())


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    return float((mask & truth).sum() / max(1, (mask | truth).sum()))


def test_the_node_answers_over_dds(start, scenes: TabletopSet) -> None:
    node = start("-p", "decision.calibrated:=true", program=("-m", "hybridgl_ros.ros.segment.segment_node"))
    node.client.timeout = LOADING_TIME
    node.wait_for_models()
    scene = scenes[0]
    picture = image_message(scene.image, "rgb8", Header(frame_id="optical"))

    def ask(text: str, candidates: int = 1) -> list[ReferredObject]:
        response = node.client.refer(text, picture, candidates)
        assert response.success, response.message
        return response.objects

    red = {truth.instance for truth in scene.objects if truth.colour == "red"}
    several = ask("please give me all the red stuff")
    assert len(several) == len(red) == 2 and all(entry.found for entry in several)
    masks = [unpack_rows(entry.mask) > 0 for entry in several]
    assert overlap(masks[0] | masks[1], np.isin(scene.instances, list(red))) > 0.5 and not (masks[0] & masks[1]).any()
    for entry in several:
        assert entry.query.endswith("all") and len(entry.clauses) == len(entry.probabilities) == 1
        assert entry.probabilities[0] > 0.5 and entry.roi.width > 0

    (absent,) = ask("the black bottle to the left of the red block", candidates=3)
    assert not absent.found and not any(absent.mask.data)
    assert absent.reason.startswith("there is") and absent.query == "black bottle · left(red block)"
    assert list(absent.clauses) == ["black bottle", "left(red block)"] and min(absent.probabilities) < 0.5

    second, *others = ask("the second thing from the left", candidates=3)
    assert second.found and others and not any(entry.found for entry in others)
    columns = {truth.instance: np.flatnonzero(scene.mask(truth.instance).any(0)).mean() for truth in scene.objects}
    assert overlap(unpack_rows(second.mask) > 0, scene.mask(sorted(columns, key=columns.get)[1])) > 0.5

    results, unions = node.hear(ReferredObjects, "segment_node/results"), node.hear(Image, "segment_node/mask")
    node.publish(picture)
    first = node.client.refer_by_topic("all the red stuff")
    (together,) = node.client.wait_for(lambda: results or None, "all referents")
    (union,) = node.client.wait_for(lambda: unions or None, "the mask")
    # Places are NaN without depth, so the messages would differ from themselves.
    assert repr(first) == repr(together.objects[0])
    assert together.found == len(together.objects) == 2
    assert np.array_equal(unpack_rows(union), sum(unpack_rows(entry.mask) for entry in together.objects))


@pytest.mark.parametrize("damaged", [False, True])
def test_missing_or_damaged_weights_are_answered_with_the_command(
    start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scenes: TabletopSet, damaged: bool
) -> None:
    monkeypatch.setenv("HYBRIDGL_CACHE", str(tmp_path))
    if damaged:
        file = weights_path(find_checkpoint("sam_vit_b"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"half a file")
    node = start("-p", "models.sam:=sam_vit_b", program=("-m", "hybridgl_ros.ros.segment.segment_node"))
    node.client.timeout = LOADING_TIME
    node.wait_for_models("failed")
    image = image_message(scenes[0].image, "rgb8", Header())
    for _ in range(2):
        response = node.client.refer("the mug", image)
        assert not response.success
        assert "hybridgl download sam_vit_b" in response.message
    assert node.process.poll() is None
