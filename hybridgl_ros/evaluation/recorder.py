"""An evaluation on the time line `sample` for the Rerun viewer.

`camera/…` as in `hybridgl_ros.recording`, `sample` and `truth` of each expression, and under `runs/RUN` the
`proposals`, the `answer` with all that led to it, and its `iou` as a curve.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridgl_ros.evaluation.samples import Geometry, Outcome, Sample
from hybridgl_ros.evaluation.witness import Witness
from hybridgl_ros.recording import Recording, entity
from hybridgl_ros.types import Answer, Proposals

TIME_LINE = "sample"


class Recorder(Witness):
    """Records the first `limit` samples that are evaluated. runs: names of all runs."""

    def __init__(self, recording: Recording, runs: Sequence[str], limit: int) -> None:
        self.samples = 0
        self._recording = recording
        self._limit = limit
        self._places = places_of(runs)
        self._steps: dict[str, int] = {}
        self._size = (0, 0)

    def picture(
        self, split: str, image: np.ndarray, geometry: Geometry | None, samples: Sequence[Sample], truths: Sequence
    ) -> None:
        """See `Witness.picture`."""
        taken = samples[: self._limit - self.samples]
        self._steps = {sample.id: self.samples + index for index, sample in enumerate(taken)}
        self._size = (image.shape[0], image.shape[1])
        for sample, truth in zip(taken, truths):
            self._go_to(sample.id)
            if sample is taken[0]:
                depth, intrinsics = (None, None) if geometry is None else (geometry.depth, geometry.intrinsics)
                self._recording.picture(image, depth, intrinsics)
            self._recording.text(TIME_LINE, f"{sample.expression}\n\n{split} {sample.id}, image {sample.image_id}")
            self._recording.mask("truth", truth)
        self.samples += len(taken)

    def proposals(self, run: str, proposals: Proposals) -> None:
        """See `Witness.proposals`."""
        if self._steps:
            self._go_to(next(iter(self._steps)))
            self._recording.proposals(f"{self._places[run]}/proposals", proposals, self._size)

    def answer(self, run: str, sample: Sample, answer: Answer, outcome: Outcome) -> None:
        """See `Witness.answer`."""
        if sample.id not in self._steps:
            return
        place = self._places[run]
        self._go_to(sample.id)
        self._recording.clear(f"{place}/answer")
        self._recording.said(f"{place}/answer", sample.expression, answer)
        if outcome.iou is not None:
            self._recording.number(f"{place}/iou", outcome.iou)

    def _go_to(self, sample: str) -> None:
        self._recording.at(TIME_LINE, self._steps[sample])


def places_of(runs: Sequence[str]) -> dict[str, str]:
    """An entity for each run, all different."""
    places: dict[str, str] = {}
    for number, run in enumerate(runs, 1):
        place = f"runs/{entity(run)}"
        places[run] = f"{place}_{number}" if place in places.values() else place
    return places
