"""The file format of a rendered tabletop set: reading, writing, and the held-out set that ships.

A set is one zip of stored (uncompressed) members, or a folder of such zips ("shards"). A zip holds
``set.json``, ``scenes.jsonl`` and, for each scene, ``<id>_rgb.webp``, ``<id>_instances.png`` and
``<id>_depth.png``.
Nothing here needs the renderer.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .truth import Expression, ObjectTruth, expression_from_json, expression_to_json, objects_of_record

FORMAT = 1
_MILLIMETRES = 1000.0
_DEPTH_LIMIT = np.iinfo(np.uint16).max


class TabletopSetError(ValueError):
    """A tabletop set is missing, damaged, or of a format this version does not read."""


@dataclass(frozen=True, eq=False)
class TabletopScene:
    """One picture with its truth.

    ``image`` is H×W×3 uint8 RGB, ``instances`` H×W uint8 (0 is the table and all behind it), ``depth`` H×W
    float32 metres along the optical axis (NaN where there is none), ``intrinsics`` the 3×3 float64 pinhole
    matrix. ``camera`` holds its position and rotation (optical to world). Scenes of one ``group`` show the
    same set of objects; no group is in two splits.
    """

    id: str
    group: int
    image: NDArray[np.uint8]
    instances: NDArray[np.uint8]
    depth: NDArray[np.float32]
    intrinsics: NDArray[np.float64]
    objects: tuple[ObjectTruth, ...]
    expressions: tuple[Expression, ...]
    camera: dict[str, Any]

    def mask(self, instance: int) -> NDArray[np.bool_]:
        """Visible pixels of one object, H×W bool. Raises KeyError if the scene has no such instance."""
        if all(truth.instance != instance for truth in self.objects):
            raise KeyError(f"scene {self.id} has no instance {instance}")
        return self.instances == instance


class TabletopSet(Sequence[TabletopScene]):
    """Random access to the scenes of a zip, or of several shards in order of name.

    ``path`` is a zip, a folder (all its ``*.zip``) or a pattern such as ``sets/train-*.zip``.

    Pictures are decoded on access; only the scene descriptions stay in memory. An instance can be pickled and
    shared with worker processes: each opens the files anew.

    Raises TabletopSetError, naming the file, when a shard is missing, truncated, or lacks a member, and when
    the shards are of several splits.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.is_dir():
            paths = sorted(self.path.glob("*.zip"))
        elif "*" in self.path.name:
            paths = sorted(self.path.parent.glob(self.path.name))
        else:
            paths = [self.path]
        if not paths:
            raise TabletopSetError(f"{self.path}: no zip of a tabletop set here")
        self._shards = [_Shard(path) for path in paths]
        splits = {shard.split for shard in self._shards}
        if len(splits) > 1:
            raise TabletopSetError(f"{self.path}: shards of several splits ({', '.join(sorted(splits))})")
        self._ends = list(accumulate(len(shard.records) for shard in self._shards))

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, index: int) -> TabletopScene: ...

    @overload
    def __getitem__(self, index: slice) -> list[TabletopScene]: ...

    def __getitem__(self, index: int | slice) -> TabletopScene | list[TabletopScene]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        shard, offset = self._locate(index)
        return shard.scene(offset)

    def __iter__(self) -> Iterator[TabletopScene]:
        return (self[i] for i in range(len(self)))

    def record(self, index: int) -> dict[str, Any]:
        """The scene's line of ``scenes.jsonl``: all but the pictures, without decoding any."""
        shard, offset = self._locate(index)
        return shard.records[offset]

    def _locate(self, index: int) -> tuple[_Shard, int]:
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"scene {index} of {len(self)}")
        number = bisect_right(self._ends, position)
        return self._shards[number], position - (self._ends[number - 1] if number else 0)


class _Shard:
    """One zip: its scene records, and a file handle opened when a picture is first wanted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        self._owner = 0
        header = json.loads(self._read("set.json"))
        if header.get("format") != FORMAT:
            raise TabletopSetError(f"{path}: format {header.get('format')!r}, this version reads {FORMAT}")
        self.split = str(header["split"])
        self.records = [json.loads(line) for line in self._read("scenes.jsonl").splitlines()]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_zip": None, "_owner": 0}

    def scene(self, offset: int) -> TabletopScene:
        record = self.records[offset]
        name = record["id"]
        fx, fy, cx, cy = record["intrinsics"]
        millimetres = self._picture(f"{name}_depth.png").astype(np.float32)
        return TabletopScene(
            id=name,
            group=record["group"],
            image=self._picture(f"{name}_rgb.webp"),
            instances=self._picture(f"{name}_instances.png"),
            depth=np.where(millimetres > 0, millimetres / np.float32(_MILLIMETRES), np.float32(np.nan)),
            intrinsics=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=np.float64),
            objects=objects_of_record(record),
            expressions=tuple(expression_from_json(entry) for entry in record["expressions"]),
            camera=record["camera"],
        )

    def _picture(self, member: str) -> NDArray[Any]:
        try:
            with Image.open(io.BytesIO(self._read(member))) as picture:
                return np.array(picture.convert("RGB") if member.endswith(".webp") else picture)
        except UnidentifiedImageError as error:
            raise TabletopSetError(f"{self.path}: {member} is not a readable picture") from error

    def _read(self, member: str) -> bytes:
        if self._zip is None or self._owner != os.getpid():
            # A handle inherited through fork shares its file offset with the parent.
            self._zip, self._owner = _open(self.path), os.getpid()
        try:
            return self._zip.read(member)
        except KeyError as error:
            raise TabletopSetError(f"{self.path}: member {member} is missing") from error
        except (zipfile.BadZipFile, EOFError) as error:
            raise TabletopSetError(f"{self.path}: member {member} is damaged ({error})") from error


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise TabletopSetError(f"{path}: no such tabletop set") from error
    except zipfile.BadZipFile as error:
        raise TabletopSetError(f"{path}: truncated or not a zip ({error})") from error


class TabletopWriter:
    """Writes one zip of a set; the file appears under its name only when it is complete.

    Use as a context manager: on a clean exit ``NAME.zip.part`` is renamed to ``NAME.zip``, on an exception it
    is removed. ``quality`` is WebP's for the RGB picture; depth is rounded to steps of ``depth_step`` millimetres
    (coarser steps make a smaller file).
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        seed: int,
        split: str,
        width: int = 320,
        height: int = 240,
        quality: int = 90,
        depth_step: int = 1,
    ) -> None:
        self.path = Path(path)
        self._quality = quality
        self._depth_step = depth_step
        self._header = {"format": FORMAT, "seed": seed, "split": split, "width": width, "height": height}
        self._part = self.path.with_name(self.path.name + ".part")
        self._zip = zipfile.ZipFile(self._part, "w", zipfile.ZIP_STORED)
        self._lines: list[str] = []

    def add(self, scene: TabletopScene) -> None:
        """Append a scene. Raises ValueError if its pictures have another size than the set."""
        expected = (self._header["height"], self._header["width"])
        if scene.image.shape[:2] != expected:
            raise ValueError(f"scene {scene.id} is {scene.image.shape[:2]}, the set is {expected}")
        self._store(f"{scene.id}_rgb.webp", scene.image, "WEBP", quality=self._quality, method=4)
        self._store(f"{scene.id}_instances.png", scene.instances, "PNG", compress_level=9)
        steps = np.nan_to_num(scene.depth * (_MILLIMETRES / self._depth_step), nan=0.0)
        depth = np.clip(np.rint(steps) * self._depth_step, 0, _DEPTH_LIMIT).astype(np.uint16)
        self._store(f"{scene.id}_depth.png", depth, "PNG", compress_level=9)
        self._lines.append(json.dumps(_record(scene), separators=(",", ":")))

    def __enter__(self) -> TabletopWriter:
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        if error_type is not None:
            self._zip.close()
            self._part.unlink()
            return
        self._zip.writestr(_entry("set.json"), json.dumps(self._header))
        self._zip.writestr(_entry("scenes.jsonl"), "".join(line + "\n" for line in self._lines))
        self._zip.close()
        os.replace(self._part, self.path)

    def _store(self, member: str, pixels: NDArray[Any], kind: str, **options: Any) -> None:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind, **options)
        self._zip.writestr(_entry(member), buffer.getvalue())


def _entry(name: str) -> zipfile.ZipInfo:
    # A fixed date keeps the zip a function of its contents, so that one seed gives one file.
    return zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))


def _record(scene: TabletopScene) -> dict[str, Any]:
    matrix = scene.intrinsics
    return {
        "id": scene.id,
        "group": scene.group,
        "intrinsics": [float(matrix[row, column]) for row, column in ((0, 0), (1, 1), (0, 2), (1, 2))],
        "camera": scene.camera,
        "objects": [
            {**vars(truth), "position": [round(metres, 4) for metres in truth.position]} for truth in scene.objects
        ],
        "expressions": [expression_to_json(expression) for expression in scene.expressions],
    }


def heldout_path() -> Path:
    """The held-out set that ships with the package: scenes that neither training nor validation has seen."""
    return Path(__file__).with_name("heldout.zip")


def validation_path() -> Path:
    """The validation set that ships with the package: scenes to write expressions for and to calibrate with.

    No training has seen them; a third of them are varied (poses, shades, objects in and on others).
    """
    return Path(__file__).with_name("validation.zip")
