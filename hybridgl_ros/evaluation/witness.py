"""Whoever looks on while an evaluation works."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridgl_ros.evaluation.samples import Geometry, Outcome, Sample
from hybridgl_ros.types import Answer, Proposals


class Witness:
    """Is shown every picture, its proposals and every answer, in the evaluating process; this one forgets them."""

    def picture(
        self, split: str, image: np.ndarray, geometry: Geometry | None, samples: Sequence[Sample], truths: Sequence
    ) -> None:
        """The next image, H×W×3 uint8 RGB, with what will be asked about it and the true masks, H×W bool each."""

    def proposals(self, run: str, proposals: Proposals) -> None:
        """What a run chooses from on this image."""

    def answer(self, run: str, sample: Sample, answer: Answer, outcome: Outcome) -> None:
        """What a run answered to a sample of this image, and how good that was."""
