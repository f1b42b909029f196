"""The values that pass between the stages: proposals → scene → answer.

Masks are boolean on the image's own pixel grid; geometry is in pixels, x right, y down;
every score is a float32 vector of length N, one entry a proposal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    import torch

    from hybridgl_ros.language.query import Query

WITH_LANDMARKS = ("relation", "rank")
"""Kinds of clauses whose nested queries name landmarks; those of other kinds name referents, or what is none."""


@dataclass(frozen=True)
class Proposals:
    """Class-agnostic mask proposals of one image (§3.1).

    masks: N×H×W bool. boxes: N×4 float32 XYWH with w = x_max − x_min (no +1).
    predicted_iou, stability: N float32, as the proposal generator rates its masks (NaN when unknown).
    dropped: how many masks were left out, because they are empty, full frame, or not described by finite numbers.
    """

    masks: np.ndarray
    boxes: np.ndarray
    predicted_iou: np.ndarray
    stability: np.ndarray
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.masks)

    def only(self, kept: np.ndarray) -> Proposals:
        """Those of N bool that are kept; the others count as dropped."""
        return Proposals(
            masks=self.masks[kept],
            boxes=self.boxes[kept],
            predicted_iou=self.predicted_iou[kept],
            stability=self.stability[kept],
            dropped=self.dropped + int(len(kept) - kept.sum()),
        )


@dataclass(frozen=True)
class Scene:
    """Everything that depends on the image only, so that another expression costs no image pass.

    image: H×W×3 uint8 RGB. features: N×d float32 region features (Eq. 2), not normalised.
    map_tokens: K×d float32 unit-length patch embeddings of the localisation path (§3.3), K = grid_h·grid_w;
    None when the localisation map is switched off. timings: seconds a stage. notes: as an answer's.
    depth: H×W float32 metres along the optical axis, NaN = unknown; intrinsics: 3×3 float64 pinhole matrix; each None
    when it was not given. memory: what is computed from the scene when an expression first needs it.
    """

    image: np.ndarray
    proposals: Proposals
    features: torch.Tensor
    map_tokens: torch.Tensor | None
    map_grid: tuple[int, int]
    timings: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    depth: np.ndarray | None = None
    intrinsics: np.ndarray | None = None
    memory: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the image."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True)
class Parse:
    """What the parser understood of one expression (§3.3).

    sentence: lower-cased tokens joined by single spaces. target: noun phrase of the referent; head: its noun.
    others: the other noun phrases; other_nouns: their nouns. position: left, right, middle, up, down or none.
    relation: left, right, up, down, big, small, within or none. size: big, small or none (chooses λ of Eq. 8).

    Where the answer has a `Query`, this is a summary of it: the landmarks are the others, position holds its places
    and relation its first relation's kind, by the names of `language.query`.
    """

    text: str
    sentence: str
    target: str
    head: str
    others: tuple[str, ...] = ()
    other_nouns: tuple[str, ...] = ()
    position: str = "none"
    relation: str = "none"
    size: str = "none"


@dataclass(frozen=True)
class Scores:
    """Scores of all N proposals for one expression, each N float32.

    similarity: raw cosine (Eq. 3). relation: Eq. 5 before any softmax (NaN outside the relation's candidates).
    semantic: S^s as it enters Eq. 9. guidance: raw S^g (Eq. 8). spatial: S^g as it enters Eq. 9.
    fused: Eq. 9; −inf for a proposal that cannot be the answer.
    """

    similarity: np.ndarray
    relation: np.ndarray
    semantic: np.ndarray
    guidance: np.ndarray
    spatial: np.ndarray
    fused: np.ndarray


@dataclass(frozen=True)
class Candidate:
    """One ranked candidate: its mask is that of proposal `index`.

    scoring.method fusion: a proposal with every partial score, see `Scores`.
    scoring.method query: an object, by the proposal that shows it best. score: the calibrated probability that it is
    a referent. similarity: raw cosine with the phrase. semantic: P(phrase | object). relation: product of the
    relations' probabilities, spatial: of the ranks' and positions'; NaN where the query has none. guidance: NaN.
    """

    index: int
    mask: np.ndarray
    box: tuple[float, float, float, float]
    score: float
    similarity: float
    relation: float
    semantic: float
    guidance: float
    spatial: float


@dataclass(frozen=True)
class ClauseScore:
    """What one part of a query contributed.

    text: the phrase, an attribute that compares, or a clause, as the query prints it. kind: phrase, attribute,
    relation, rank, position, negation, except or either. probabilities: C float32 in the candidates' order, each as if
    the candidate satisfied all parts before; their product is the candidate's probability before calibration.
    landmarks: for each query nested in the clause, the place of its likeliest object among the candidates.
    """

    text: str
    kind: str
    probabilities: np.ndarray
    landmarks: tuple[int, ...] = ()


class TrackState(IntEnum):
    """How a followed object stands: in sight, out of sight for some frames, or in sight for the first time since."""

    NONE = 0
    FOUND = 1
    LOST = 2
    FOUND_AGAIN = 3


@dataclass(frozen=True)
class Tracking:
    """What following made of an answer.

    ids, states: of each of the answer's objects; ids begin with 1. lost: ids of the followed objects that are out of
    sight in this frame, with their states (LOST, or FOUND for so short a while that it is not said yet). events: what
    has changed, in words.
    """

    ids: tuple[int, ...] = ()
    states: tuple[TrackState, ...] = ()
    lost: tuple[int, ...] = ()
    lost_states: tuple[TrackState, ...] = ()
    events: tuple[str, ...] = ()


class DenseMaps(Protocol):
    """G_co and G = G_co ⊙ G_pos of one expression, H×W float32."""

    @property
    def localisation(self) -> torch.Tensor: ...

    @property
    def guidance(self) -> torch.Tensor: ...


@dataclass(frozen=True)
class Answer:
    """What one expression refers to, or the reason why there is nothing.

    objects: the referents among the candidates: the best one unless others are given, none when not found.
    mask: H×W bool, their union. candidates: best first. notes: what a person should know about how it came about.
    timings: seconds a stage, the image's stages included. tracking: of an answer that was made by following, with which
    the objects need not be those that the expression alone would name.

    scoring.method fusion: score is Eq. 9 of the best candidate; margin its lead over the runner-up; parse what the
    paper's parser understood; localisation: G_co, guidance: G = G_co ⊙ G_pos, both H×W float32, made when somebody
    looks at them (None when switched off or nothing was proposed). There is one referent at most, and neither query
    nor clauses.
    scoring.method query: score is the calibrated probability of the least sure referent, or of the best candidate
    when not found; margin its lead over the best candidate that is none; query the reading that was executed;
    alternatives other plausible readings; clauses what each of its parts contributed; reason the part that failed.
    There are no maps.
    """

    found: bool
    mask: np.ndarray
    score: float
    similarity: float
    margin: float
    candidates: tuple[Candidate, ...]
    parse: Parse
    maps: DenseMaps | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    objects: tuple[Candidate, ...] = ()
    query: Query | None = None
    clauses: tuple[ClauseScore, ...] = ()
    alternatives: tuple[Query, ...] = ()
    tracking: Tracking | None = None

    def __post_init__(self) -> None:
        if self.found and not self.objects:
            object.__setattr__(self, "objects", self.candidates[:1])

    @property
    def localisation(self) -> np.ndarray | None:
        """G_co, H×W float32."""
        return None if self.maps is None else self.maps.localisation.cpu().numpy()

    @property
    def guidance(self) -> np.ndarray | None:
        """G = G_co ⊙ G_pos, H×W float32."""
        return None if self.maps is None else self.maps.guidance.cpu().numpy()

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """XYWH around all referents in pixels, None when not found."""
        if not self.objects:
            return None
        lefts, tops, widths, heights = zip(*(entry.box for entry in self.objects), strict=True)
        left, top = min(lefts), min(tops)
        right = max(x + width for x, width in zip(lefts, widths, strict=True))
        bottom = max(y + height for y, height in zip(tops, heights, strict=True))
        return left, top, right - left, bottom - top

    @property
    def landmarks(self) -> tuple[Candidate, ...]:
        """What the referents stand in relation to: the likeliest object of each landmark, referents left out."""
        referents = {entry.index for entry in self.objects}
        places = dict.fromkeys(
            place for clause in self.clauses if clause.kind in WITH_LANDMARKS for place in clause.landmarks
        )
        return tuple(self.candidates[place] for place in places if self.candidates[place].index not in referents)
