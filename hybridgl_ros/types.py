"""The values that pass between the stages: proposals → scene → answer.

Masks are boolean on the image's own pixel grid; geometry is in pixels, x right, y down;
every score is a float32 vector of length N, one entry a proposal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


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
    """

    image: np.ndarray
    proposals: Proposals
    features: torch.Tensor
    map_tokens: torch.Tensor | None
    map_grid: tuple[int, int]
    timings: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

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
    """One ranked proposal with every partial score (see `Scores`)."""

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
class Answer:
    """The referent of one expression, or the reason why there is none.

    mask: H×W bool, all False when not found. score: Eq. 9 of the best candidate; margin: its lead over the
    runner-up. candidates: best first. localisation: G_co, guidance: G = G_co ⊙ G_pos, both H×W float32
    (None when switched off or nothing was proposed). notes: what a person should know about how it came about.
    timings: seconds a stage, the image's stages included.
    """

    found: bool
    mask: np.ndarray
    score: float
    similarity: float
    margin: float
    candidates: tuple[Candidate, ...]
    parse: Parse
    localisation: np.ndarray | None = None
    guidance: np.ndarray | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """XYWH of the referent in pixels, None when not found."""
        return self.candidates[0].box if self.found else None
