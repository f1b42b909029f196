"""Settings of following an object from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

from hybridgl_ros.settings.description import setting


@dataclass(frozen=True)
class TrackingSettings:
    """Following in continuous mode: P(an object is the followed one) = σ(bias + Σ weight · evidence), and how long
    expression and sight may disagree."""

    enabled: bool = setting(
        "Continuous mode keeps to the objects that it has found; otherwise every frame is answered by itself."
    )
    overlap: float = setting(
        "Weight of the IoU with the mask where it is expected, after the camera's motion.", low=0.0, high=100.0
    )
    distance: float = setting(
        "Weight of the distance from the expected place, in sizes of the object.", low=0.0, high=100.0
    )
    elsewhere: float = setting("Taken off these two where the place is known well.", low=0.0, high=100.0)
    size: float = setting(
        "Weight of a change of size (natural logarithm), in metres where there is depth.", low=0.0, high=100.0
    )
    feature: float = setting(
        "Weight of the features' likeness: 1 for the same, 0 as like as the others around it.", low=0.0, high=100.0
    )
    expression: float = setting("Weight of the expression's score, as a share of the best one's.", low=0.0, high=100.0)
    bias: float = setting("Added to these log odds.", low=-100.0, high=100.0)
    same: float = setting("Probability from which an object is the followed one.", low=0.0, high=1.0)
    memory: float = setting(
        "Frames after which the place of an object that is out of sight tells half as much.", low=0.1, high=1e6
    )
    adaptation: float = setting("Share of a new frame in the remembered appearance.", low=0.0, high=1.0)
    whole: float = setting(
        "Share of its largest size (side) from which an object is seen whole, and remembered so.", low=0.0, high=1.0
    )
    lost_after: int = setting("Frames out of sight after which an object is lost.", low=1, high=100000)
    patience: int = setting(
        "Frames on which the expression must surely name another object, at most, until it wins over the followed one; "
        "fewer while it has spoken for that in fewer.",
        low=1,
        high=100000,
    )
    nothing: float = setting(
        "How much an expression that finds nothing counts against an object that is in sight, beside one that names "
        "another.",
        low=0.0,
        high=1.0,
    )
    absence: float = setting(
        "How much what the expression names instead counts against an object that is out of sight.", low=0.0, high=1.0
    )
    carry: int = setting(
        "Frames in a row on which an object that is not proposed is taken to be where it is expected, while the "
        "picture there looks the same.",
        low=0,
        high=1000,
    )
    carry_likeness: float = setting(
        "Correlation of grey values from which the picture looks the same.", low=-1.0, high=1.0
    )
    resolution: int = setting("Longer side (px) of the grid on which objects are compared.", low=32, high=4096)
