"""The one typed description of every setting: YAML files, ROS parameters and README tables are made from it.

A setting has a type (its annotation), a text, a range or choices, and a stage that tells what a change costs:
`models` needs a restart, `image` makes encoded scenes stale, `answer` counts from the next expression on.
Values live in `config/`, never here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_type_hints

from hybridgl_ros.settings.description import STAGES, Description, describe, setting
from hybridgl_ros.settings.metric import MetricSettings
from hybridgl_ros.settings.paper import (
    FeatureSettings,
    FusionSettings,
    GuidanceSettings,
    ModelSettings,
    ProposalSettings,
    RelationSettings,
    TextSettings,
)
from hybridgl_ros.settings.query import (
    OPERATORS,
    DecisionSettings,
    GroundingSettings,
    MembershipSettings,
    ObjectSettings,
    ScoringSettings,
)
from hybridgl_ros.settings.tracking import TrackingSettings

__all__ = [
    "OPERATORS",
    "STAGES",
    "Config",
    "DecisionSettings",
    "Description",
    "FeatureSettings",
    "FusionSettings",
    "GroundingSettings",
    "GuidanceSettings",
    "MembershipSettings",
    "MetricSettings",
    "ModelSettings",
    "ObjectSettings",
    "ProposalSettings",
    "RelationSettings",
    "ScoringSettings",
    "TextSettings",
    "TrackingSettings",
    "describe",
    "descriptions",
    "sections",
    "setting",
]


@dataclass(frozen=True)
class Config:
    """A complete configuration: every setting of every section has a value."""

    models: ModelSettings
    proposals: ProposalSettings
    features: FeatureSettings
    text: TextSettings
    relations: RelationSettings
    guidance: GuidanceSettings
    fusion: FusionSettings
    scoring: ScoringSettings
    objects: ObjectSettings
    membership: MembershipSettings
    grounding: GroundingSettings
    decision: DecisionSettings
    metric: MetricSettings
    tracking: TrackingSettings


def sections() -> dict[str, type]:
    """The sections' dataclasses by name, in order."""
    return get_type_hints(Config)


def descriptions() -> dict[str, Description]:
    """Every setting's description by its dotted name, in the order of the sections."""
    found: dict[str, Description] = {}
    for section, kind in sections().items():
        found.update(describe(kind, prefix=f"{section}."))
    return found
