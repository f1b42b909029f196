"""What methods that score the proposals share: their scores in the shape in which HybridGL ranks its own."""

from __future__ import annotations

import numpy as np

from hybridgl_ros.scorers import fusion
from hybridgl_ros.types import Answer, Parse, Scene, Scores


def ranked_answer(
    scene: Scene,
    parse: Parse,
    scores: np.ndarray,
    timings: dict[str, float],
    similarity: np.ndarray | None = None,
    guidance: np.ndarray | None = None,
) -> Answer:
    """The proposal with the highest of N float32 scores, as `fusion.ranked_answer` has it.

    similarity: of text and image alone, the scores themselves when left out. guidance: of a map alone.
    """
    unknown = np.full_like(scores, np.nan)
    alike = scores if similarity is None else similarity
    known = Scores(alike, unknown, alike, unknown if guidance is None else guidance, unknown, scores)
    return fusion.ranked_answer(scene, parse, known, timings)
