"""What methods that score the proposals share: the answer of their scores."""

from __future__ import annotations

import numpy as np

from hybridgl_ros.scorers.fusion import margin_of, rank
from hybridgl_ros.types import Answer, Parse, Scene, Scores


def ranked_answer(
    scene: Scene,
    parse: Parse,
    scores: np.ndarray,
    timings: dict[str, float],
    similarity: np.ndarray | None = None,
    guidance: np.ndarray | None = None,
) -> Answer:
    """The proposal with the highest of N float32 scores; ties go to the first.

    similarity: of text and image alone, the scores themselves when left out. guidance: of a map alone.
    """
    unknown = np.full_like(scores, np.nan)
    alike = scores if similarity is None else similarity
    known = Scores(alike, unknown, alike, unknown if guidance is None else guidance, unknown, scores)
    candidates = rank(scene, known)
    best = candidates[0]
    return Answer(
        found=True,
        mask=best.mask,
        score=best.score,
        similarity=best.similarity,
        margin=margin_of(candidates),
        candidates=candidates,
        parse=parse,
        timings=timings,
    )
