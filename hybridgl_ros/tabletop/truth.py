"""What is known of a scene's objects and expressions, and how it stands in ``scenes.jsonl``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .objects import SIZES, pose_by_height


@dataclass(frozen=True)
class ObjectTruth:
    """What the renderer knows of one object.

    ``instance`` is its value in the instance image, ``position`` its centre in the camera's optical frame
    (x right, y down, z forward; metres), ``pixels`` its visible pixels. ``pose`` is one of ``POSES`` and None for
    shapes that have none (cube, ball). ``shade`` is "light" or "dark" where the colour certainly is, else None.
    ``inside`` is the instance of the ring or mug it is in, ``on`` that of the object it stands on.
    """

    instance: int
    shape: str
    colour: str
    size: str
    position: tuple[float, float, float]
    pixels: int
    pose: str | None = None
    shade: str | None = None
    inside: int | None = None
    on: int | None = None


@dataclass(frozen=True)
class Expression:
    """A referring expression and what it names.

    ``instances`` are all of them, none when nothing in the scene is meant; ``instance`` the only one, None when there
    is none or are several.
    """

    text: str
    instance: int | None
    kind: str
    tags: tuple[str, ...] = ()
    instances: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.instance is not None and not self.instances:
            object.__setattr__(self, "instances", (self.instance,))

    @classmethod
    def naming(cls, instances: Iterable[int], text: str, kind: str, tags: tuple[str, ...] = ()) -> Expression:
        """An expression that names any number of instances."""
        named = tuple(sorted(instances))
        return cls(text, named[0] if len(named) == 1 else None, kind, tags, named)


def objects_of_record(record: dict[str, Any]) -> tuple[ObjectTruth, ...]:
    """The objects of a ``scenes.jsonl`` record; of sets older than poses, pose and container from the geometry."""
    objects = tuple(object_from_json(entry) for entry in record["objects"])
    if all("pose" in entry for entry in record["objects"]) or "rotation" not in record["camera"]:
        return objects
    rotation, origin = (np.array(record["camera"][name]) for name in ("rotation", "position"))
    places = [rotation @ truth.position + origin for truth in objects]
    return tuple(
        ObjectTruth(
            **{
                **vars(truth),
                "pose": pose_by_height(truth.shape, float(place[2]) / SIZES[truth.size]),
                "inside": _ring_round(truth, place, objects, places),
            }
        )
        for truth, place in zip(objects, places, strict=True)
    )


def _ring_round(truth: ObjectTruth, place: Any, objects: tuple[ObjectTruth, ...], places: list[Any]) -> int | None:
    """The instance of the ring in whose middle an object is: in old sets the only way to be inside."""
    for other, its in zip(objects, places, strict=True):
        if other.shape == "ring" and other is not truth and np.hypot(*(its - place)[:2]) < 0.1 * SIZES[other.size]:
            return other.instance
    return None


def object_from_json(entry: dict[str, Any]) -> ObjectTruth:
    """An object of a ``scenes.jsonl`` record as ObjectTruth; fields that older sets lack are None."""
    x, y, z = entry["position"]
    later = {name: entry.get(name) for name in ("pose", "shade", "inside", "on")}
    return ObjectTruth(
        entry["instance"], entry["shape"], entry["colour"], entry["size"], (x, y, z), entry["pixels"], **later
    )


def expression_from_json(entry: dict[str, Any]) -> Expression:
    """An expression of a ``scenes.jsonl`` record as Expression; ``instances`` is there when it names several."""
    several = tuple(entry.get("instances", ()))
    return Expression(entry["text"], entry["instance"], entry["kind"], tuple(entry["tags"]), several)


def expression_to_json(expression: Expression) -> dict[str, Any]:
    """What `expression_from_json` reads."""
    entry = vars(expression) | {"instances": list(expression.instances)}
    return entry if len(expression.instances) > 1 else {k: v for k, v in entry.items() if k != "instances"}
