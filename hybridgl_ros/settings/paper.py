"""Models, and the settings of the paper's method, section by section."""

from __future__ import annotations

from dataclasses import dataclass

from hybridgl_ros.settings.description import setting


@dataclass(frozen=True)
class ModelSettings:
    """Which checkpoints to load, and where to run them."""

    sam: str = setting("Mask proposal model, a name from the registry.", stage="models")
    clip: str = setting("Image-text model, a name from the registry.", stage="models")
    spacy: str = setting("spaCy pipeline; auto takes the largest installed en_core_web_*.", stage="models")
    device: str = setting("Torch device, e.g. cpu or cuda:0; auto takes a GPU when there is one.", stage="models")
    dtype: str = setting(
        "Type that the image encoders multiply in.", choices=("float32", "bfloat16", "float16"), stage="models"
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
    nms: str = setting(
        "Which IoU tells that two masks show the same: that of their boxes, as SAM's own generator has it, or that of "
        "the masks, with which a ring stays beside what lies in it.",
        choices=("box", "mask"),
        stage="image",
    )
    nms_threshold: float = setting(
        "IoU above which the lower-rated of two masks is dropped.", low=0.0, high=1.0, stage="image"
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
    shortlist: int = setting(
        "Proposals that an expression has described, the best by features from one pass of the whole picture; "
        "0: all, before any expression.",
        low=0,
        high=1000,
        stage="image",
    )


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
