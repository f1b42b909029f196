"""The held-out set that ships: as large, as clear and as separate from training as it claims to be."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from hybridgl_ros.tabletop import TabletopSet, heldout_path
from hybridgl_ros.tabletop.expressions import KINDS, expressions_for
from hybridgl_ros.tabletop.layout import object_set_id, split_of
from hybridgl_ros.tabletop.objects import COLOURS, SHAPES, SIZES, ObjectSpec
from hybridgl_ros.tabletop.truth import expression_from_json, object_from_json


@pytest.fixture(scope="module")
def heldout() -> TabletopSet:
    return TabletopSet(heldout_path())


@pytest.fixture(scope="module")
def records(heldout: TabletopSet) -> list[dict]:
    return [heldout.record(index) for index in range(len(heldout))]


def test_it_is_large_enough_to_measure_with_and_small_enough_to_ship(heldout: TabletopSet) -> None:
    assert len(heldout) >= 500
    assert heldout_path().stat().st_size < 10_000_000


def test_every_object_is_known_and_visible(records: list[dict]) -> None:
    for record in records:
        objects = [object_from_json(entry) for entry in record["objects"]]
        assert [truth.instance for truth in objects] == list(range(1, len(objects) + 1))
        assert 3 <= len(objects) <= 6
        for truth in objects:
            assert truth.shape in SHAPES
            assert truth.colour in COLOURS
            assert truth.size in SIZES
            assert truth.pixels >= 500


def test_object_sets_belong_to_this_split_and_hardly_repeat(records: list[dict]) -> None:
    groups = Counter()
    for record in records:
        specs = tuple(ObjectSpec(entry["shape"], entry["colour"], entry["size"]) for entry in record["objects"])
        assert record["group"] == object_set_id(specs)
        assert split_of(record["group"]) == "heldout"
        groups[record["group"]] += 1
    assert max(groups.values()) <= 4


def test_every_expression_names_an_object_of_its_scene_or_none(records: list[dict]) -> None:
    kinds = Counter()
    for record in records:
        known = {entry["instance"] for entry in record["objects"]}
        expressions = [expression_from_json(entry) for entry in record["expressions"]]
        assert 3 <= len(expressions) <= 10
        for expression in expressions:
            kinds[expression.kind] += 1
            assert (expression.instance is None) == (expression.kind == "absent")
            assert expression.instance is None or expression.instance in known
    assert set(kinds) == set(KINDS)


def test_attribute_expressions_fit_exactly_their_instance(records: list[dict]) -> None:
    for record in records:
        for entry in record["expressions"]:
            if entry["kind"] not in ("colour_shape", "shape", "colour", "absent"):
                continue
            words = set(entry["text"].split())
            shapes, colours = words & set(SHAPES), words & set(COLOURS)
            fits = [
                truth["instance"]
                for truth in record["objects"]
                if (not shapes or truth["shape"] in shapes) and (not colours or truth["colour"] in colours)
            ]
            assert fits == ([] if entry["instance"] is None else [entry["instance"]]), entry


@pytest.mark.parametrize("index", [0, 17, 250, -1])
def test_pictures_agree_with_the_description(heldout: TabletopSet, index: int) -> None:
    scene = heldout[index]
    assert scene.image.shape == (240, 320, 3)
    assert scene.instances.shape == scene.depth.shape == (240, 320)
    assert set(np.unique(scene.instances)) == {0, *(truth.instance for truth in scene.objects)}
    for truth in scene.objects:
        mask = scene.mask(truth.instance)
        assert mask.sum() == truth.pixels
        rows, columns = np.nonzero(mask)
        u, v, w = scene.intrinsics @ np.array(truth.position)
        assert columns.min() - 5 <= u / w <= columns.max() + 5
        assert rows.min() - 5 <= v / w <= rows.max() + 5
        assert abs(np.median(scene.depth[mask]) - truth.position[2]) < 0.1


@pytest.mark.parametrize("index", [3, 88])
def test_expressions_can_be_made_anew(heldout: TabletopSet, index: int) -> None:
    scene = heldout[index]
    assert expressions_for(scene, seed=1) == scene.expressions
    assert expressions_for(scene, seed=2) != scene.expressions
