"""Answers to labelled expressions: what speaks for them, how it is weighed, and how good that is on answers not seen.

Labelled sets hardly ever name a landmark that is not there, so such expressions are made: one whose landmark is
replaced by something that another expression asks of the same image in vain means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hybridgl_ros.evaluation.metrics import auroc
from hybridgl_ros.grounding.calibration import (
    Reliability,
    fit_calibration,
    fit_evidence,
    keeping_threshold,
    reliability,
)
from hybridgl_ros.grounding.evidence import Evidence, log_odds
from hybridgl_ros.language.query import Phrase, Query, Relation
from hybridgl_ros.settings import DecisionSettings
from hybridgl_ros.types import Answer

DIGITS = 4
TINY = 1e-12
SWAPPED = "swapped landmarks"
"""The set of expressions whose landmark was replaced by something absent."""
SWAPPED_WEIGHT = 0.3
"""What all of them together count in the fit of the evidence, in units of the set's own absent expressions."""
EVIDENCE = {"phrase": "phrase", "attribute": "order", "rank": "order", "position": "position"}
"""Kinds of clauses of an answer to fields of `Evidence`; all others are relations."""


@dataclass(frozen=True)
class Judged:
    """One answer: which set it is of, whether something is meant, whether it is right, and what speaks for it.

    evidence: of the best object. behind: log odds of the answer's score against the best object's, 0 for one referent.
    """

    source: str
    present: bool
    right: bool
    evidence: Evidence
    behind: float = 0.0


@dataclass(frozen=True)
class Quality:
    """How well calibrated answers are that no fit has seen.

    auroc: of the score, present against absent; kept: share of the right answers that reach the threshold; refused: of
    the absent that do not; each NaN where there are none.
    """

    answers: int
    curve: Reliability
    auroc: float
    kept: float
    refused: float


def judged(source: str, answer: Answer, present: bool, right: bool) -> Judged:
    """One answer under neutral settings, where scores are the plain products."""
    if not answer.candidates:
        return Judged(source, present, right, Evidence(phrase=float(np.log(TINY))))
    logs: dict[str, float] = dict.fromkeys(("phrase", "relation", "order", "position"), 0.0)
    for clause in answer.clauses:
        logs[EVIDENCE.get(clause.kind, "relation")] += float(np.log(max(float(clause.probabilities[0]), TINY)))
    evidence = Evidence(**logs, clauses=sum(clause.kind != "phrase" for clause in answer.clauses))
    return Judged(source, present, right, evidence, logit(answer.score) - logit(answer.candidates[0].score))


def logit(probability: float) -> float:
    cut = min(max(probability, TINY), 1 - TINY)
    return float(np.log(cut) - np.log1p(-cut))


def swapped(queries: Sequence[Query], missing: Sequence[Phrase]) -> Iterator[Query]:
    """Queries that mean something, each with one of its landmarks replaced by one of the phrases, in turn."""
    turn = 0
    for query in queries if missing else ():
        for place, clause in enumerate(query.clauses):
            if isinstance(clause, Relation) and clause.landmarks:
                landmarks = list(clause.landmarks)
                landmarks[turn % len(landmarks)] = Query(missing[turn % len(missing)])
                changed = replace(clause, landmarks=tuple(landmarks))
                yield replace(query, clauses=(*query.clauses[:place], changed, *query.clauses[place + 1 :]))
                turn += 1
                break


def decision_settings(answers: Sequence[Judged], keep: float) -> dict[str, Any]:
    """`decision.…` as fitted. Raises ValueError without right and wrong answers.

    First the weights of the evidence, by what tells right answers from expressions that mean nothing; then
    temperature and bias, so that the score is the probability to be right; then the threshold.
    """
    telling = [entry for entry in answers if entry.right or not entry.present]
    made = sum(entry.source == SWAPPED for entry in telling)
    absent = sum(not entry.present for entry in telling) - made
    counts = [SWAPPED_WEIGHT * absent / made if entry.source == SWAPPED else 1.0 for entry in telling]
    weights = fit_evidence(
        [entry.evidence for entry in telling], np.array([entry.right for entry in telling]), np.array(counts)
    )
    asked = [entry for entry in answers if entry.source != SWAPPED]
    settings: dict[str, Any] = {
        "decision.calibrated": True,
        "decision.relation": rounded(weights.relation),
        "decision.order": rounded(weights.order),
        "decision.position": rounded(weights.position),
        "decision.clause": weights.clause,
        "decision.temperature": weights.temperature,
        "decision.bias": weights.bias,
    }
    fit = fit_calibration(odds_of(asked, settings), np.array([entry.right for entry in asked]))
    settings["decision.clause"] = rounded(fit.temperature * weights.clause)
    settings["decision.temperature"] = rounded(fit.temperature * weights.temperature)
    settings["decision.bias"] = rounded(fit.temperature * weights.bias + fit.bias)
    right = [entry for entry in asked if entry.right]
    threshold = keeping_threshold(probabilities_of(right, settings), keep)
    return settings | {"decision.threshold": rounded(threshold, down=True)}


def odds_of(answers: Sequence[Judged], settings: Mapping[str, Any]) -> np.ndarray:
    """Log odds of the answers' scores under settings of the decision."""
    values = {"threshold": 0.0, "plural": 0.0} | {name.partition(".")[2]: value for name, value in settings.items()}
    decision = DecisionSettings(**values)
    return np.array([log_odds(one.evidence, decision) + decision.temperature * one.behind for one in answers])


def probabilities_of(answers: Sequence[Judged], settings: Mapping[str, Any]) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-odds_of(answers, settings))))


def judge(answers: Sequence[Judged], settings: Mapping[str, Any]) -> dict[str, Quality]:
    """The quality on each set of expressions, and on all that were asked (`all`)."""
    groups = {source: [entry for entry in answers if entry.source == source] for source in {e.source for e in answers}}
    groups = dict(sorted(groups.items()))
    groups["all"] = [entry for entry in answers if entry.source != SWAPPED]
    return {name: quality_of(group, settings) for name, group in groups.items()}


def quality_of(answers: Sequence[Judged], settings: Mapping[str, Any]) -> Quality:
    scores = probabilities_of(answers, settings)
    present = np.array([entry.present for entry in answers], bool)
    right = np.array([entry.right for entry in answers], bool)
    reached = scores >= settings["decision.threshold"]

    def share(which: np.ndarray, of: np.ndarray) -> float:
        return float(which[of].mean()) if of.any() else float("nan")

    return Quality(
        len(answers),
        reliability(scores, right),
        float(auroc(present, scores)[0]),
        share(reached, right),
        share(~reached, ~present),
    )


def rounded(value: float, down: bool = False) -> float:
    """A setting in the digits that are written. down: a threshold must not pass what it was chosen to keep."""
    if down:
        return float(np.floor(value * 10**DIGITS) / 10**DIGITS)
    return float(f"{value:.{DIGITS}g}")
