"""The validation set that ships: separate from the held-out set, with everything that people ask about in it."""

from __future__ import annotations

from collections import Counter

import pytest

from hybridgl_ros.tabletop import ObjectTruth, TabletopSet, heldout_path, validation_path
from hybridgl_ros.tabletop.layout import object_set_id, split_of
from hybridgl_ros.tabletop.objects import ObjectSpec
from hybridgl_ros.tabletop.truth import objects_of_record

WRITTEN = 80
"""The first scenes are those that people's expressions are written for."""


@pytest.fixture(scope="module")
def records() -> list[dict]:
    scenes = TabletopSet(validation_path())
    return [scenes.record(index) for index in range(len(scenes))]


def objects(records: list[dict]) -> list[ObjectTruth]:
    return [truth for record in records for truth in objects_of_record(record)]


def test_it_is_large_enough_and_small_enough_to_ship(records: list[dict]) -> None:
    assert len(records) >= 2 * WRITTEN
    assert validation_path().stat().st_size < 8_000_000


def test_it_shares_no_object_set_with_other_splits(records: list[dict]) -> None:
    for record in records:
        specs = tuple(ObjectSpec(entry["shape"], entry["colour"], entry["size"]) for entry in record["objects"])
        assert record["group"] == object_set_id(specs)
        assert split_of(record["group"]) == "val"


def test_there_is_enough_of_every_kind_to_write_for(records: list[dict]) -> None:
    written = objects(records[:WRITTEN])
    poses, shades = Counter(truth.pose for truth in written), Counter(truth.shade for truth in written)
    assert min(poses["standing"], poses["lying"]) >= 30
    assert poses["upside down"] >= 10
    assert min(shades["light"], shades["dark"]) >= 5
    assert sum(truth.inside is not None for truth in written) >= 10


def test_what_is_inside_or_on_names_an_object_of_the_scene(records: list[dict]) -> None:
    for record in records:
        by_instance = {truth.instance: truth for truth in objects_of_record(record)}
        for truth in by_instance.values():
            if truth.inside is not None:
                assert by_instance[truth.inside].shape in ("ring", "mug")
            if truth.on is not None:
                assert by_instance[truth.on].shape == "cube"


def test_the_older_held_out_set_has_poses_and_containers_too() -> None:
    heldout = TabletopSet(heldout_path())
    scenes = [objects_of_record(heldout.record(index)) for index in range(len(heldout))]
    poses = Counter((truth.shape, truth.pose) for scene in scenes for truth in scene)
    assert min(poses[shape, pose] for shape in ("ring", "bottle", "cylinder") for pose in ("standing", "lying")) > 50
    assert all((pose is None) == (shape in ("cube", "ball")) for shape, pose in poses)
    inside = [
        (index, e["instance"])
        for index in range(len(heldout))
        for e in heldout.record(index)["expressions"]
        if e["kind"] == "inside"
    ]
    assert inside
    for index, instance in inside:
        assert scenes[index][instance - 1].inside is not None
