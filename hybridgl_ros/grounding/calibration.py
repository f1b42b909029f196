"""Fit what turns scores into probabilities, and tell how well they are calibrated; plain arrays, no model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from hybridgl_ros.grounding.evidence import TINY, Evidence

STEPS, LONGEST = 100, 1.0
RIDGE = 1e-6
PLAIN = 1e-3
"""Ridge that keeps the weights of evidence near those of the plain product."""
CUT = 30.0
"""Log odds beyond this are cut."""


@dataclass(frozen=True)
class Calibration:
    """p = σ(temperature · log odds + bias). loss: mean negative log likelihood of the fit, nats."""

    temperature: float
    bias: float
    loss: float


@dataclass(frozen=True)
class Reliability:
    """A reliability curve: of each bin that is not empty, how many, the mean probability and the share that was right.

    error: the expected calibration error, Σ share of the bin · |mean − right|.
    """

    counts: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray
    error: float


def fit_calibration(odds: np.ndarray, right: np.ndarray) -> Calibration:
    """Temperature (not negative) and bias with the least negative log likelihood.

    odds: n log odds, of which infinite ones are cut; right: n bool. Raises ValueError unless both outcomes occur.
    """
    odds, right = np.clip(np.asarray(odds, np.float64), -CUT, CUT), np.asarray(right, bool)
    if right.all() or not right.any():
        raise ValueError("a calibration needs examples that are right and examples that are wrong")
    slope, offset = newton(np.stack([odds, np.ones_like(odds)]), right)
    if slope < 0:
        slope, (offset,) = 0.0, newton(np.ones((1, len(odds))), right)
    logits = slope * odds + offset
    loss = float((np.logaddexp(0, logits) - right * logits).mean())
    return Calibration(float(slope), float(offset), loss)


def newton(features: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Weights of a logistic regression by Newton's method; features: k×n. A trace of ridge keeps them finite."""
    weights = np.zeros(len(features))
    ridge = RIDGE * np.eye(len(features))
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-weights @ features))
        gradient = features @ (chance - right) / len(right) + ridge @ weights
        curvature = (features * chance * (1 - chance)) @ features.T / len(right) + ridge
        step = np.linalg.solve(curvature, gradient)
        weights -= step * min(1.0, LONGEST / np.abs(step).max())
    return weights


def keeping_threshold(scores: np.ndarray, share: float = 0.95) -> float:
    """The largest threshold that keeps at least this share of the scores of what is present.

    Scores that equal the threshold are kept. Raises ValueError without scores.
    """
    scores = np.sort(np.asarray(scores, np.float64))[::-1]
    if not len(scores):
        raise ValueError("a threshold needs scores of expressions with a referent")
    return float(scores[max(int(np.ceil(share * len(scores))) - 1, 0)])


def reliability(probabilities: np.ndarray, right: np.ndarray, bins: int = 10) -> Reliability:
    """The reliability curve over bins of equal width. probabilities: n in [0, 1]; right: n bool."""
    probabilities, right = np.asarray(probabilities, np.float64), np.asarray(right, np.float64)
    place = np.clip((probabilities * bins).astype(int), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    filled = counts > 0
    counts = counts[filled]
    predicted = np.bincount(place, probabilities, bins)[filled] / counts
    observed = np.bincount(place, right, bins)[filled] / counts
    error = float((counts * np.abs(predicted - observed)).sum() / max(counts.sum(), 1))
    return Reliability(counts, predicted, observed, error)


@dataclass(frozen=True)
class WordOdds:
    """What words a phrase consists of, for n objects: log odds of the noun and of each of k attributes.

    nouns: n; attributes: n×k; NaN where the phrase has no such word. right: n bool, whether the phrase is true.
    """

    nouns: np.ndarray
    attributes: np.ndarray
    right: np.ndarray


def fit_words(examples: WordOdds) -> tuple[Calibration, Calibration]:
    """The temperatures and biases of nouns and of attributes under which the phrases are likeliest.

    A phrase's probability is the product of its words'. What no example has keeps temperature 1 and bias 0. Raises
    ValueError unless there are phrases that are true and phrases that are not.
    """
    right = torch.from_numpy(np.asarray(examples.right, bool))
    if bool(right.all()) or not bool(right.any()):
        raise ValueError("a calibration needs examples that are right and examples that are wrong")
    odds = [torch.from_numpy(np.clip(values, -CUT, CUT)) for values in (examples.nouns[:, None], examples.attributes)]
    weights = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=STEPS, line_search_fn="strong_wolfe", tolerance_change=1e-10)

    def loss() -> torch.Tensor:
        likely = torch.zeros(len(right), dtype=torch.float64)
        for kind, values in enumerate(odds):
            words = logsigmoid(weights[2 * kind].exp() * values.nan_to_num() + weights[2 * kind + 1])
            likely = likely + words.masked_fill(values.isnan(), 0).sum(dim=1)
        unlikely = torch.log(-torch.expm1(likely.clamp(max=-RIDGE)))
        return -torch.where(right, likely, unlikely).mean()

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss() + RIDGE * weights.square().sum()
        value.backward()
        return value

    optimiser.step(closure)
    with torch.no_grad():
        left = float(loss())
        noun_factor, noun_bias, factor, bias = weights.tolist()
    return Calibration(float(np.exp(noun_factor)), noun_bias, left), Calibration(float(np.exp(factor)), bias, left)


@dataclass(frozen=True)
class EvidenceWeights:
    """Settings of `evidence.log_odds` as fitted. relation, order, position: exponents; clause: log odds for each."""

    relation: float
    order: float
    position: float
    clause: float
    temperature: float
    bias: float


def fit_evidence(evidence: Sequence[Evidence], right: np.ndarray, counts: np.ndarray | None = None) -> EvidenceWeights:
    """The weights under which answers are likeliest; what few examples tell about stays near the plain product.

    right: n bool. counts: n, how much each example counts; 1 unless given.
    Raises ValueError unless both outcomes occur.
    """
    truth = torch.from_numpy(np.asarray(right, np.float64))
    if bool((truth == 1).all()) or not bool((truth == 1).any()):
        raise ValueError("a calibration needs answers that are right and expressions of what is absent")
    logs = torch.tensor([[one.phrase, one.relation, one.order, one.position] for one in evidence], dtype=torch.float64)
    clauses = torch.tensor([one.clauses for one in evidence], dtype=torch.float64)
    share = torch.ones_like(truth) if counts is None else torch.from_numpy(np.asarray(counts, np.float64))
    share = share / share.sum()
    fitted = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([fitted], max_iter=STEPS, line_search_fn="strong_wolfe", tolerance_change=1e-10)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        product = logs[:, 0] + logs[:, 1:] @ fitted[:3].exp()
        odds = fitted[3].exp() * logit_of_logs(product) + fitted[4] * clauses + fitted[5]
        loss = (share * binary_cross_entropy_with_logits(odds, truth, reduction="none")).sum()
        loss = loss + PLAIN * (fitted[:3].square().sum() + fitted[4].square()) + RIDGE * fitted.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    relation, order, position, temperature = fitted.detach()[:4].exp().tolist()
    clause, bias = fitted.detach()[4:].tolist()
    return EvidenceWeights(relation, order, position, clause, temperature, bias)


def logit_of_logs(logs: torch.Tensor) -> torch.Tensor:
    """`evidence.logit_of` of a tensor."""
    logs = logs.clamp(max=math.log1p(-TINY))
    return (logs - torch.log(-torch.expm1(logs))).clamp(min=math.log(TINY))
