"""The one typed description of every setting: YAML files, ROS parameters and README tables are made from it.

A setting has a type (its annotation), a text, a range or choices, and a stage that tells what a change costs:
`models` needs a restart, `image` makes encoded scenes stale, `answer` counts from the next expression on.
Values live in `config/`, never here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

STAGES = ("models", "image", "answer")


@dataclass(frozen=True)
class Description:
    """What is known of one setting, e.g. `fusion.alpha`."""

    name: str
    type: type
    text: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    stage: str

    @property
    def live(self) -> bool:
        """Whether a running node may change it."""
        return self.stage != "models"


def setting(
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    stage: str = "answer",
) -> Any:
    """A dataclass field that carries its own description."""
    if stage not in STAGES:
        raise ValueError(f"unknown stage {stage!r}")
    return field(metadata={"text": text, "low": low, "high": high, "choices": choices, "stage": stage})


@dataclass(frozen=True)
class ModelSettings:
    """Which checkpoints to load, and where to run them."""

    sam: str = setting("Mask proposal model, a name from the registry.", stage="models")
    clip: str = setting("Image-text model, a name from the registry.", stage="models")
    spacy: str = setting("spaCy pipeline; auto takes the largest installed en_core_web_*.", stage="models")
    device: str = setting("Torch device, e.g. cpu or cuda:0; auto takes a GPU when there is one.", stage="models")
    dtype: str = setting(
        "Autocast type of the image encoders.", choices=("float32", "bfloat16", "float16"), stage="models"
    )
    threads: int = setting(
        "Threads of torch; 0: as many as torch likes, but not more than the cores that the process may use.",
        low=0,
        high=1024,
        stage="models",
    )


@dataclass(frozen=True)
class ProposalSettings:
    """SAM's automatic mask generation (§3.1, §4.2)."""

    points_per_side: int = setting("Prompt points along each image side.", low=1, high=64, stage="image")
    points_per_batch: int = setting("Prompt points decoded at once (memory only).", low=1, high=4096, stage="image")
    predicted_iou_threshold: float = setting(
        "Masks that SAM itself rates lower are dropped.", low=0.0, high=1.0, stage="image"
    )
    stability_threshold: float = setting(
        "Masks that change more than this with the logit threshold are dropped.", low=0.0, high=1.0, stage="image"
    )
    nms_threshold: float = setting(
        "Box IoU above which the lower-rated of two masks is dropped.", low=0.0, high=1.0, stage="image"
    )
    minimum_region_area: int = setting(
        "Islands and holes smaller than this (px) are removed; 0 keeps them.", low=0, high=1000000, stage="image"
    )


@dataclass(frozen=True)
class FeatureSettings:
    """Hybrid global-local region features (§3.2)."""

    mode: str = setting(
        "How a region is described; the rows of Table 3, and the plain crop.",
        stage="image",
        choices=(
            "L",
            "G(blur)",
            "G(tok_mask)",
            "G(att_mask)",
            "G(blur+att_mask)",
            "G+L[41]",
            "G+L",
            "L2G",
            "G2L",
            "G2L+L2G",
            "cropped",
        ),
    )
    start_block: int = setting(
        "First block (zero-based) with fusion and masking (Table 4); below the number of blocks.",
        low=0,
        high=63,
        stage="image",
    )
    beta: float = setting("Weight of the global tokens in the fusion, β of Eq. 1.", low=0.0, high=100.0, stage="image")
    global_weight: float = setting(
        "Weight of the global feature in the weighted sums G+L and G+L[41].", low=0.0, high=1.0, stage="image"
    )
    blur_kernel: int = setting(
        "Width (px, odd) of the Gaussian that blurs the background.", low=1, high=255, stage="image"
    )
    statistics: str = setting(
        "Pixel mean and deviation used to normalise.", choices=("clip", "imagenet"), stage="image"
    )
    local_fill: list[float] = setting("Normalised RGB value outside the mask in the local view.", stage="image")
    antialias: bool = setting("Antialiased resize to the network's input size.", stage="image")
    token_coverage: str = setting(
        "Token mask: any covered pixel, or the resized mask's fraction.", choices=("any", "fraction"), stage="image"
    )
    fuse_class_token: bool = setting("Add the global CLS token, too, when the global tokens are fused.", stage="image")
    batch_size: int = setting("Regions described at once (memory only).", low=1, high=1024, stage="image")


@dataclass(frozen=True)
class TextSettings:
    """Text ensemble (§3.1, following Yu et al. 2023) and parsing."""

    sentence_weight: float = setting("r: weight of the sentence; the target phrase has 1 − r.", low=0.0, high=1.0)
    normalise: bool = setting("Normalise text features before they are mixed.")
    rules: str = setting("Parse rules and vocabulary, a file of config/language.", stage="models")


@dataclass(frozen=True)
class RelationSettings:
    """Spatial relationship guidance (Eq. 4–5)."""

    enabled: bool = setting("Use spatial relations between objects.")
    target_candidates: int = setting("k of the target: proposals that may be the referent.", low=1, high=1000)
    other_candidates: int = setting("k of the other objects.", low=1, high=1000)
    softmax_over: str = setting("What P is normalised over.", choices=("candidates", "all"))
    without_other: list[str] = setting(
        "Relations that compare the target's own candidates when the expression names no other object.",
        choices=("left", "right", "up", "down", "big", "small", "within"),
    )
    without_relation: str = setting(
        "S^s without a relation word: Eq. 3 of all proposals, or P of the candidates.",
        choices=("similarity", "probability"),
    )
    self_pairs: bool = setting("Let a proposal stand in relation to itself; matters for within.")
    only_candidates: bool = setting("Only the target's candidates can be the answer.")
    scale: str = setting("What of Eq. 5 is softmaxed in Eq. 9.", choices=("log", "literal"))
    fallback: bool = setting("Use Eq. 3 when nothing satisfies the relation.")


@dataclass(frozen=True)
class GuidanceSettings:
    """Spatial coherence and position guidance (Eq. 6–8)."""

    coherence: bool = setting("Use the localisation map G_co.", stage="image")
    position: bool = setting("Use the position prior G_pos.")
    positions: list[str] = setting(
        "Position words' classes that have a prior.", choices=("left", "right", "middle", "up", "down")
    )
    middle: str = setting("Shape of the middle prior.", choices=("radial", "tent"))
    map_size: int = setting(
        "Side (px) of the square picture the localisation map is computed on.", low=32, high=1024, stage="image"
    )
    map_blocks: int = setting("Last blocks that run the self-self attention path.", low=1, high=63, stage="image")
    divide_by_mean: bool = setting("Divide G by its mean before Eq. 8.")
    inside_weight: float = setting("Weight of the mean of G inside the mask.", low=0.0, high=100.0)
    outside_weight: float = setting("Weight of the mean of G outside the mask, λ of Eq. 8.", low=0.0, high=100.0)
    inside_weight_big: float = setting("The inside weight when the expression says big.", low=0.0, high=100.0)
    outside_weight_big: float = setting("λ when the expression says big.", low=0.0, high=100.0)
    inside_weight_small: float = setting("The inside weight when the expression says small.", low=0.0, high=100.0)
    outside_weight_small: float = setting("λ when the expression says small.", low=0.0, high=100.0)


@dataclass(frozen=True)
class FusionSettings:
    """Final score (Eq. 9) and the decision whether anything was found."""

    alpha: float = setting("Weight of the spatial guidance, α of Eq. 9.", low=0.0, high=1.0)
    normalise_guidance: bool = setting("Softmax S^g over all proposals; otherwise it enters Eq. 9 as it is.")
    score_threshold: float = setting("Eq. 9 scores below this count as not found.", low=-1000.0, high=1000.0)
    similarity_threshold: float = setting("Cosines below this count as not found.", low=-1.0, high=1.0)


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
    temperature: float = setting("Factor of an answer's log odds.", low=0.0, high=100.0)
    bias: float = setting("Added to an answer's log odds.", low=-100.0, high=100.0)
    threshold: float = setting("Answers less probable than this count as not found.", low=0.0, high=1.0)
    plural: float = setting(
        "Share of the best one's probability that every further referent of a plural needs.", low=0.0, high=1.0
    )


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
    compactness: float = setting(
        "Weight of a small object against one whose hidden half fits behind what is seen.", low=0.0, high=100.0
    )


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


def sections() -> dict[str, type]:
    """The sections' dataclasses by name, in order."""
    return get_type_hints(Config)


def descriptions() -> dict[str, Description]:
    """Every setting's description by its dotted name, in the order of the sections."""
    found: dict[str, Description] = {}
    for section, kind in sections().items():
        found.update(describe(kind, prefix=f"{section}."))
    return found


def describe(kind: type, prefix: str = "") -> dict[str, Description]:
    """The descriptions of one dataclass of settings, by name with the prefix."""
    types = get_type_hints(kind)
    return {
        prefix + entry.name: Description(name=prefix + entry.name, type=types[entry.name], **entry.metadata)
        for entry in fields(kind)
    }
