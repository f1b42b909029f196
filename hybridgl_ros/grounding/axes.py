"""Places along an axis: what comes first, the n-th, what is at a place, what is rather small."""

from __future__ import annotations

import torch
from torch import Tensor

from hybridgl_ros.grounding.counting import ahead_of, count_distribution, rank_factors
from hybridgl_ros.grounding.geometry import Geometry
from hybridgl_ros.settings import GroundingSettings

FIRST = {"x": "left", "y": "top", "depth": "near", "size": "small", "height": "short", "distance": "close"}
"""The end of each axis where its values are smallest."""

SIDES = {"left": ("x", 1), "right": ("x", -1), "top": ("y", 1), "bottom": ("y", -1)}


def axis_values(axis: str, geometry: Geometry, settings: GroundingSettings) -> Tensor:
    """Values of N objects along an axis in units of its softness, N float64; NaN where it is not known.

    `distance` is none of the objects alone; see `distances`. Raises KeyError for an unknown axis.
    """
    values = {
        "x": lambda: geometry.x / (settings.side * geometry.width),
        "y": lambda: geometry.y / (settings.side * geometry.width),
        "depth": lambda: nearness(geometry, settings),
        "size": lambda: geometry.size.log() / settings.size,
        "height": lambda: geometry.tall.log() / settings.size,
    }
    return values[axis]()


def nearness(geometry: Geometry, settings: GroundingSettings) -> Tensor:
    """Distance from the camera: measured depth, or else how far up in the picture an object stands."""
    if bool(geometry.depth.isfinite().any()):
        return geometry.depth.log() / settings.depth
    return -geometry.contact / (settings.contact * geometry.height)


def distances(geometry: Geometry) -> Tensor:
    """N×N distances between objects: metres between their points where all have depth, else pixels."""
    points = geometry.points if geometry.metric else torch.stack([geometry.x, geometry.y], dim=-1)
    return torch.cdist(points, points)


def landmark_distance(geometry: Geometry, landmark: Tensor, settings: GroundingSettings) -> Tensor:
    """Expected distance to the landmark in units of the softness of sizes, N float64.

    landmark: N×N, row i is the distribution of the landmark as seen from i (zero at i).
    """
    away = (distances(geometry) * landmark).sum(dim=1) / landmark.sum(dim=1).clamp(min=1e-12)
    return away.clamp(min=1e-6).log() / settings.size


def ahead(values: Tensor, from_first: bool) -> Tensor:
    """P(j comes before i) when counted from the first end of the axis, or from the other; N×N."""
    return ahead_of(values if from_first else -values, 1.0)


def graded(members: Tensor, before: Tensor) -> Tensor:
    """How far towards an end of an axis an object is among the other members; N float64 in [0, 1], 1 for the only one.

    members: N probabilities; before: N×N, [j, i] = P(j comes before i).
    """
    others = members.double()[:, None].expand_as(before).clone()
    others = others.fill_diagonal_(0) if len(members) else others
    behind = (others * (1 - before)).sum(dim=0)
    total = others.sum(dim=0)
    certain = total.clamp(max=1)
    return 1 - certain + certain * behind / total.clamp(min=1e-12)


def position_factors(
    places: tuple[str, ...], members: Tensor, geometry: Geometry, settings: GroundingSettings, plural: bool
) -> Tensor:
    """P(a member is at one or two places), N float64: where it is in the picture, and where among the other members.

    plural: several are meant, and only the place in the picture counts. Raises KeyError for an unknown place.
    """
    within = torch.ones(len(geometry), dtype=torch.float64)
    for place in places:
        within = within * region(place, geometry, settings)
    if plural:
        return within
    combined = sum((place_values(place, geometry, settings) for place in places), torch.zeros_like(within))
    first = rank_factors(members, ahead(combined, True), 1, settings.company)
    if places == ("middle",):
        first = (first + median_factors(members, axis_values("x", geometry, settings))) / 2
    return settings.absolute * within + (1 - settings.absolute) * first


def region(place: str, geometry: Geometry, settings: GroundingSettings) -> Tensor:
    """How surely objects are in a part of the picture, or nearer or farther than most objects; N float64."""
    soft, half = settings.region_softness, 0.5 - settings.region
    if place in ("near", "far"):
        values = nearness(geometry, settings)
        closer = torch.sigmoid(values.nanmedian() - values).nan_to_num(nan=0.5)
        return closer if place == "near" else 1 - closer
    if place == "middle":
        return torch.sigmoid((settings.middle - off_centre(geometry)) / soft)
    axis, sign = SIDES[place]
    share = geometry.x / geometry.width if axis == "x" else geometry.y / geometry.height
    share = share if sign > 0 else 1 - share
    return torch.sigmoid((half - share) / soft)


def place_values(place: str, geometry: Geometry, settings: GroundingSettings) -> Tensor:
    """Values that are smallest at a place, in units of their softness; N float64."""
    if place == "middle":
        return off_centre(geometry) / settings.side
    if place in ("near", "far"):
        values = nearness(geometry, settings)
        return values if place == "near" else -values
    axis, sign = SIDES[place]
    return sign * axis_values(axis, geometry, settings)


def off_centre(geometry: Geometry) -> Tensor:
    """Distance of the boxes' centres from the picture's, as shares of its sides; N float64."""
    return torch.hypot(geometry.x / geometry.width - 0.5, geometry.y / geometry.height - 0.5)


def median_factors(members: Tensor, values: Tensor) -> Tensor:
    """P(as many members come before a member as after it), N float64; 0 where there is no other member.

    Before and after are taken as independent counts, as if every other member were drawn for each side.
    """
    size = len(members)
    before = members.double()[:, None] * ahead(values, True)
    after = members.double()[:, None] * ahead(values, False)
    if size:
        before, after = before.fill_diagonal_(0), after.fill_diagonal_(0)
    level = count_distribution(before.T) * count_distribution(after.T)
    return level[:, 1:].sum(dim=1)
