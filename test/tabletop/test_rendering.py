"""Rendering itself; collected only where MuJoCo is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hybridgl_ros.tabletop import TabletopSet
from hybridgl_ros.tabletop.render import render_set
from hybridgl_ros.tabletop.renderer import TabletopRenderer


def test_rendering_is_a_function_of_seed_split_and_index(tmp_path: Path) -> None:
    first = TabletopSet(render_set("val", 3, seed=5, out=tmp_path / "one.zip")[0])
    paths = render_set("val", 3, seed=5, out=tmp_path / "shards", shard=2, workers=2)
    assert [path.name for path in paths] == ["val-0000.zip", "val-0001.zip"]
    second = TabletopSet(tmp_path / "shards")
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.image, two.image)
        np.testing.assert_array_equal(one.instances, two.instances)
        np.testing.assert_array_equal(one.depth, two.depth)
        assert (one.id, one.objects, one.expressions) == (two.id, two.objects, two.expressions)
        assert len(one.expressions) >= 3


def test_depth_and_instances_lie_where_the_truth_says() -> None:
    scene = TabletopRenderer().render_scene(seed=5, split="train", index=2)
    for truth in scene.objects:
        mask = scene.mask(truth.instance)
        rows, columns = np.nonzero(mask)
        u, v, w = scene.intrinsics @ np.array(truth.position)
        assert columns.min() - 3 <= u / w <= columns.max() + 3
        assert rows.min() - 3 <= v / w <= rows.max() + 3
        assert abs(np.median(scene.depth[mask]) - truth.position[2]) < 0.08


def test_plain_scenes_stay_the_same_among_varied_ones() -> None:
    renderer = TabletopRenderer()
    plain = [renderer.render_scene(5, "train", index) for index in range(4)]
    mixed = [renderer.render_scene(5, "train", index, variety=0.5) for index in range(4)]
    same = [one.objects == other.objects for one, other in zip(plain, mixed, strict=True)]
    assert any(same)
    assert not all(same)
