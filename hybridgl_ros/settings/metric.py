"""Settings of places and sizes in metres."""

from __future__ import annotations

from dataclasses import dataclass

from hybridgl_ros.settings.description import setting


@dataclass(frozen=True)
class MetricSettings:
    """Places and sizes in metres, where there is depth; lengths are shares of the distance unless a text says else."""

    rim: int = setting("Rim of a mask (px) whose depth is not trusted.", low=0, high=50)
    flying: float = setting(
        "Depths that differ by more than this are of different surfaces, where pixels may hang between them.",
        low=0.0,
        high=1.0,
    )
    flying_neighbours: float = setting(
        "Share of its known neighbours on the same surface that a pixel needs.", low=0.0, high=1.0
    )
    gap: float = setting("Gap in depth that cuts a mask in two; the greater part is the object.", low=0.0, high=10.0)
    piece: float = setting(
        "Share of the largest connected piece that another one needs to be of the same object.", low=0.0, high=1.0
    )
    crease: float = setting(
        "Bend of a surface towards the camera (sine of the angle) that parts two objects.", low=0.0, high=2.0
    )
    bend: float = setting("How far apart, to either side, that bend is measured.", low=0.0, high=1.0)
    covered: float = setting(
        "Share of a patch of surface that a mask must cover for all of it to be of the object; above 1: none is.",
        low=0.0,
        high=2.0,
    )
    spilt: float = setting(
        "Share of a patch of surface below which what a mask covers of it is another object's.", low=0.0, high=1.0
    )
    fewest: int = setting("Points below which nothing is measured.", low=3, high=100000)
    most: int = setting("Points looked at in the search for an object's centre.", low=10, high=100000)
    surroundings: float = setting(
        "How far round an object, in its sizes, the plane that it stands on is looked for.", low=0.1, high=10.0
    )
    plane: float = setting("Distance from a plane within which points are on it.", low=1e-5, high=1.0)
    plane_share: float = setting(
        "Share of the surrounding points that must be on the plane; with fewer there is none.", low=0.0, high=1.0
    )
    trials: int = setting("Planes tried.", low=1, high=100000)
    tail: float = setting("Share of the points left out at either end of an extent.", low=0.0, high=0.4)
    hidden: float = setting(
        "How far behind the middle of what is seen an object's middle may be, in lengths of what is seen, at most.",
        low=0.0,
        high=10.0,
    )
