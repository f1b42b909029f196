"""Tabletop sets on disk: what is written is read back, and damage is named."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hybridgl_ros.tabletop import (
    Expression,
    ObjectTruth,
    TabletopScene,
    TabletopSet,
    TabletopSetError,
    TabletopWriter,
)


def make_scene(name: str, shade: int = 90) -> TabletopScene:
    instances = np.zeros((24, 32), np.uint8)
    instances[4:12, 6:20] = 1
    depth = np.full((24, 32), 0.5, np.float32)
    depth[instances == 1] = 0.337
    depth[0, 0] = np.nan
    return TabletopScene(
        id=name,
        group=7,
        image=np.full((24, 32, 3), shade, np.uint8),
        instances=instances,
        depth=depth,
        intrinsics=np.array([[30.0, 0, 15.5], [0, 31.0, 11.5], [0, 0, 1]]),
        objects=(ObjectTruth(1, "mug", "red", "small", (0.01, -0.02, 0.35), 112),),
        expressions=(
            Expression("the red mug", 1, "colour_shape"),
            Expression("the blue mug", None, "absent", ("absent:near",)),
        ),
        camera={"position": [0.0, 0.0, 0.5]},
    )


def write(path: Path, *names: str, split: str = "train", **options: int) -> Path:
    with TabletopWriter(path, seed=3, split=split, width=32, height=24, **options) as writer:
        for number, name in enumerate(names):
            writer.add(make_scene(name, 60 + 20 * number))
    return path


def test_round_trip(tmp_path: Path) -> None:
    (scene,) = TabletopSet(write(tmp_path / "set.zip", "a"))
    expected = make_scene("a", 60)
    assert (scene.id, scene.group, scene.camera) == (expected.id, expected.group, expected.camera)
    assert scene.objects == expected.objects
    assert scene.expressions == expected.expressions
    np.testing.assert_array_equal(scene.instances, expected.instances)
    np.testing.assert_allclose(scene.depth, expected.depth, atol=0.0005)
    np.testing.assert_allclose(scene.intrinsics, expected.intrinsics)
    assert np.abs(scene.image.astype(int) - expected.image).max() <= 3
    assert (scene.image.dtype, scene.depth.dtype) == (np.uint8, np.float32)


def test_depth_steps_round_to_the_nearest(tmp_path: Path) -> None:
    (scene,) = TabletopSet(write(tmp_path / "set.zip", "a", depth_step=10))
    np.testing.assert_allclose(scene.depth[scene.instances == 1], 0.34, atol=1e-6)
    np.testing.assert_allclose(scene.depth[20], 0.5, atol=1e-6)
    assert np.isnan(scene.depth[0, 0])


def test_mask_is_the_instance_and_an_unknown_one_is_an_error(tmp_path: Path) -> None:
    scene = TabletopSet(write(tmp_path / "set.zip", "a"))[0]
    assert scene.mask(1).sum() == scene.objects[0].pixels
    with pytest.raises(KeyError, match="no instance 2"):
        scene.mask(2)


@pytest.mark.parametrize("place", ["", "train-*.zip"])
def test_shards_read_as_one_sequence(tmp_path: Path, place: str) -> None:
    write(tmp_path / "train-0001.zip", "c")
    write(tmp_path / "train-0000.zip", "a", "b")
    scenes = TabletopSet(tmp_path / place)
    assert [scene.id for scene in scenes] == ["a", "b", "c"]
    assert [scene.id for scene in scenes[1:]] == ["b", "c"]
    assert (scenes[-1].id, scenes.record(1)["id"]) == ("c", "b")
    with pytest.raises(IndexError):
        scenes[3]


def test_shards_of_two_splits_do_not_mix(tmp_path: Path) -> None:
    write(tmp_path / "train-0000.zip", "a")
    write(tmp_path / "val.zip", "b", split="val")
    with pytest.raises(TabletopSetError, match="several splits"):
        TabletopSet(tmp_path)


def test_a_set_survives_pickling_with_open_files(tmp_path: Path) -> None:
    scenes = TabletopSet(write(tmp_path / "set.zip", "a", "b"))
    first = scenes[0].image
    copy = pickle.loads(pickle.dumps(scenes))
    np.testing.assert_array_equal(copy[0].image, first)


def test_nothing_appears_when_writing_fails(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="the set is"),
        TabletopWriter(tmp_path / "set.zip", seed=3, split="train") as writer,
    ):
        writer.add(make_scene("a"))
    assert list(tmp_path.iterdir()) == []


def test_one_content_gives_one_file(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one.zip", "a"), write(tmp_path / "two.zip", "a")
    assert one.read_bytes() == two.read_bytes()


def test_a_missing_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(TabletopSetError, match=r"absent\.zip.*no such"):
        TabletopSet(tmp_path / "absent.zip")


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TabletopSetError, match="no zip"):
        TabletopSet(tmp_path)


def test_a_truncated_zip_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "set.zip", "a")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(TabletopSetError, match=r"set\.zip.*truncated"):
        TabletopSet(path)


def test_a_missing_member_is_named_and_the_rest_still_reads(tmp_path: Path) -> None:
    path = write(tmp_path / "set.zip", "a", "b")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "cut.zip", "w") as new:
        for name in old.namelist():
            if name != "a_depth.png":
                new.writestr(name, old.read(name))
    scenes = TabletopSet(tmp_path / "cut.zip")
    with pytest.raises(TabletopSetError, match=r"cut\.zip.*a_depth\.png is missing"):
        scenes[0]
    assert scenes[1].id == "b"


@pytest.mark.parametrize("damage", ["contents", "checksum"])
def test_a_damaged_picture_is_named(tmp_path: Path, damage: str) -> None:
    path = write(tmp_path / "set.zip", "a")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if damage == "checksum":
        blob = members["a_instances.png"]
        path.write_bytes(path.read_bytes().replace(blob, bytes([blob[0] ^ 1]) + blob[1:]))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name, blob in members.items():
                archive.writestr(name, b"no picture" if name == "a_instances.png" else blob)
    with pytest.raises(TabletopSetError, match=r"a_instances\.png"):
        TabletopSet(path)[0]


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    path = shutil.copy(write(tmp_path / "set.zip", "a"), tmp_path / "later.zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("set.json", '{"format": 2}')
    with pytest.raises(TabletopSetError, match="format 2"):
        TabletopSet(path)
