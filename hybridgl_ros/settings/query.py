"""Settings of expressions as programs: objects, words, operators, and the decision."""

from __future__ import annotations

from dataclasses import dataclass

from hybridgl_ros.settings.description import setting


@dataclass(frozen=True)
class ScoringSettings:
    """How an expression's referent is chosen."""

    method: str = setting(
        "fusion: similarity, relation and guidance of every proposal (Eq. 9); query: the expression as a program over "
        "objects, with probabilities.",
        choices=("fusion", "query"),
    )


@dataclass(frozen=True)
class ObjectSettings:
    """Objects from proposals, and how they are measured; used by `scoring.method: query`."""

    largest: float = setting("Proposals that cover more of the picture than this are background.", low=0.0, high=1.0)
    quality: float = setting(
        "Predicted IoU · stability at which a mask shows an object as likely as not.", low=0.0, high=1.0
    )
    quality_softness: float = setting("Softness of the same.", low=1e-4, high=1.0)
    same: float = setting("Mask IoU from which two proposals show the same object.", low=0.0, high=1.0)
    part: float = setting("Share of a mask inside a better one from which it is a part of it.", low=0.0, high=1.0)
    same_piece: float = setting(
        "Mask IoU from which a proposal is no piece of a group but the group again.", low=0.0, high=1.0
    )
    resolution: int = setting(
        "Longer side (px) of the grid on which gaps and hulls of masks are measured.", low=32, high=4096
    )
    depth: bool = setting("Use the depth picture where there is one.")
    depth_erosion: float = setting(
        "Rim of a mask that its depth leaves out, as a share of the root of its area.", low=0.0, high=0.5
    )


@dataclass(frozen=True)
class MembershipSettings:
    """P(phrase | object): CLIP's cosines with the phrase against those with distractors of the bank."""

    bank: str = setting("Distractor words, a file of config/membership.")
    prompt: str = setting("What CLIP is asked; {} stands for the words.")
    rivals: str = setting(
        "What speaks against a word: the other words of the bank, or how well the other objects fit it.",
        choices=("bank", "objects"),
    )
    unknown: float = setting("Probability of a noun that neither the bank nor the text model knows.", low=0.0, high=1.0)
    noun_temperature: float = setting(
        "Factor of the noun's log odds against the other nouns of the bank.", low=0.0, high=100.0
    )
    noun_bias: float = setting("Added to the noun's log odds.", low=-100.0, high=100.0)
    attribute_temperature: float = setting(
        "Factor of an attribute's log odds against the others of its kind.", low=0.0, high=100.0
    )
    attribute_bias: float = setting("Added to an attribute's log odds.", low=-100.0, high=100.0)


OPERATORS = (
    "relations",
    "ranks",
    "positions",
    "comparisons",
    "exclusions",
    "alternatives",
    "counts",
    "readings",
)
"""What `grounding.without` can leave out."""


@dataclass(frozen=True)
class GroundingSettings:
    """Soft margins of relations, ranks and positions: where the odds are e : 1, unless a text says otherwise."""

    side: float = setting("Left, right, above, below: share of the picture's width.", low=1e-4, high=1.0)
    depth: float = setting("Behind, in front, near, far: share of the distance.", low=1e-4, high=1.0)
    contact: float = setting(
        "The same without depth, by the lowest row: share of the picture's height.", low=1e-4, high=1.0
    )
    size: float = setting("Bigger, smaller, taller, shorter: natural logarithm of the ratio.", low=1e-4, high=10.0)
    near: float = setting("Gap, in mean object sizes, at which near is as likely as not.", low=0.0, high=100.0)
    near_softness: float = setting("The same gap's softness.", low=1e-4, high=100.0)
    touching: float = setting("Gap, in mean object sizes, at which touching is as likely as not.", low=0.0, high=10.0)
    touching_softness: float = setting("The same gap's softness.", low=1e-4, high=10.0)
    inside: float = setting(
        "Share of an object inside the other's hull at which inside is as likely as not.", low=0.0, high=1.0
    )
    inside_softness: float = setting("The same share's softness.", low=1e-4, high=1.0)
    between_ends: float = setting(
        "Between: share of the way from one landmark to the other that is too near to either.", low=-1.0, high=0.5
    )
    between_off: float = setting(
        "Between: distance from the way, in lengths of it, that is too far.", low=0.0, high=5.0
    )
    between_softness: float = setting("Softness of both.", low=1e-4, high=1.0)
    region: float = setting(
        "Positions: distance from the picture's middle line, as a share of the side, where a half begins.",
        low=0.0,
        high=0.5,
    )
    region_softness: float = setting("Softness of the regions, as a share of the side.", low=1e-4, high=1.0)
    middle: float = setting(
        "Distance from the picture's centre, as a share of its sides, where the middle ends.", low=0.0, high=1.0
    )
    unseen: float = setting(
        "Relations: what an object has left when no landmark is there, for it may have been overlooked.",
        low=0.0,
        high=1.0,
    )
    company: float = setting(
        "Ranks: how far it is taken for granted that more members follow the one that is meant.", low=0.0, high=1.0
    )
    absolute: float = setting(
        "Positions: weight of the place in the picture; the place among the others has the rest.", low=0.0, high=1.0
    )
    without: list[str] = setting(
        "Parts of a query that are left out, for comparison; comparisons are words such as small, exclusions not and "
        "except, readings all but the most plausible one.",
        choices=OPERATORS,
    )


@dataclass(frozen=True)
class DecisionSettings:
    """From probabilities to an answer, in `scoring.method: query`."""

    calibrated: bool = setting(
        "The weights' probabilities are calibrated; without, nothing is ever refused, and a note says so."
    )
    relation: float = setting(
        "How much relations, exclusions and alternatives tell whether anything is meant: their exponent.",
        low=0.0,
        high=100.0,
    )
    order: float = setting("The same of ranks and comparisons.", low=0.0, high=100.0)
    position: float = setting("The same of positions.", low=0.0, high=100.0)
    clause: float = setting(
        "Added to an answer's log odds for every clause, for who says more has mostly seen it.", low=-100.0, high=100.0
    )
    temperature: float = setting("Factor of an answer's log odds.", low=0.0, high=100.0)
    bias: float = setting("Added to an answer's log odds.", low=-100.0, high=100.0)
    threshold: float = setting("Answers less probable than this count as not found.", low=0.0, high=1.0)
    plural: float = setting(
        "Share of the best one's probability that every further referent of a plural needs.", low=0.0, high=1.0
    )
