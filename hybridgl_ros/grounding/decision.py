"""From the probabilities of every reading to the referents, and to the step that failed when there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hybridgl_ros.grounding.evidence import TINY, evidence_for, log_odds
from hybridgl_ros.grounding.execution import Execution, Step
from hybridgl_ros.settings import DecisionSettings


@dataclass(frozen=True)
class Decision:
    """What was decided on N objects.

    execution: the reading that was chosen. scores: N float64, the calibrated probability of each object.
    order: indices of the objects, the most probable first. referents: those that are meant, in that order.
    score: of the least sure referent, or of the best object when there is none. margin: its lead over the best of the
    others, 0 when there are none. failed: the first step that leaves no object probable enough, None when found.
    """

    execution: Execution
    scores: Tensor
    order: tuple[int, ...]
    referents: tuple[int, ...]
    score: float
    margin: float
    failed: int | None
    notes: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        """Whether anything is meant."""
        return bool(self.referents)


def decide(executions: Sequence[Execution], weights: Sequence[float], settings: DecisionSettings) -> Decision:
    """Choose between readings by plausibility times evidence, then the referents of the one chosen.

    executions: one or more readings, executed on the same objects; weights: how plausible each is.
    """
    evidence = [
        weight * best(calibrated(execution.steps, execution.probabilities, settings))
        for execution, weight in zip(executions, weights, strict=True)
    ]
    chosen = executions[max(range(len(evidence)), key=evidence.__getitem__)]
    notes = []
    if len(executions) > 1:
        others = ", or ".join(f"'{entry.query}'" for entry in executions if entry is not chosen)
        notes.append(f"read as '{chosen.query}', not as {others}")
    scores = calibrated(chosen.steps, chosen.probabilities, settings)
    order = tuple(torch.argsort(scores, descending=True, stable=True).tolist())
    threshold = settings.threshold if settings.calibrated else 0.0
    wanted = how_many(chosen)
    referents = chosen_of(scores, order, wanted, threshold, settings.plural)
    if referents and wanted is not None and len(referents) < wanted:
        notes.append(f"only {len(referents)} of {wanted} found")
    score = float(scores[referents[-1]]) if referents else best(scores)
    rest = [float(scores[i]) for i in order if i not in referents[:] and (referents or i != order[0])]
    failed = None if referents or not order else failed_step(chosen, threshold, settings)
    return Decision(chosen, scores, order, referents, score, score - rest[0] if rest else 0.0, failed, tuple(notes))


def calibrated(steps: Sequence[Step], probabilities: Tensor, settings: DecisionSettings) -> Tensor:
    """The best object's probability as its evidence has it, the others by their odds against it; N float64.

    probabilities: N, the product of the steps'; their order stays.
    """
    if not len(probabilities):
        return probabilities.double()
    odds = settings.temperature * torch.logit(probabilities.double().clamp(TINY, 1 - TINY))
    first = int(probabilities.argmax())
    return torch.sigmoid(odds - odds[first] + log_odds(evidence_for(steps, first), settings))


def best(scores: Tensor) -> float:
    """The largest score, 0 when there are no objects."""
    return float(scores.max()) if len(scores) else 0.0


def how_many(execution: Execution) -> int | None:
    """The number of referents that is asked for; None for all there are."""
    count = execution.query.count
    return {"all": None, "exact": count.n, "any": count.n}.get(count.kind, 1)


def chosen_of(
    scores: Tensor, order: Sequence[int], wanted: int | None, threshold: float, plural: float
) -> tuple[int, ...]:
    """The referents: the best, as many as wanted, none below the threshold; of all, none far behind the best."""
    if wanted == 1:
        return tuple(i for i in order[:1] if float(scores[i]) >= threshold)
    least = max(threshold, plural * best(scores)) if wanted is None else threshold
    return tuple(i for i in order[:wanted] if float(scores[i]) >= least)


def failed_step(execution: Execution, threshold: float, settings: DecisionSettings) -> int:
    """The first step after which no object is probable enough; the last one when only all together fail."""
    for step in range(len(execution.steps)):
        if best(calibrated(execution.steps[: step + 1], execution.before(step + 1), settings)) < threshold:
            return step
    return len(execution.steps) - 1
