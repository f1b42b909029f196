"""P(phrase | object) from CLIP's logits: a word against its rivals, never against the other objects."""

from __future__ import annotations

import torch
from torch import Tensor


def log_odds(own: Tensor, rivals: Tensor) -> Tensor:
    """How much better N objects fit the own texts than the rivals, N float64 in nats.

    own: N×a logits (cosines times CLIP's scale) of texts that mean what is asked; rivals: N×b logits of texts that
    exclude it. Without rivals nothing speaks against: +inf.
    """
    return torch.logsumexp(own.double(), dim=1) - torch.logsumexp(rivals.double(), dim=1)


def advantage(own: Tensor) -> Tensor:
    """How much better each of N objects fits the own texts than the other objects together, N float64 in nats.

    own: as in `log_odds`. Nothing speaks against the only object: +inf.
    """
    fit = torch.logsumexp(own.double(), dim=1)
    others = fit.expand(len(fit), -1).clone()
    others = others.fill_diagonal_(float("-inf")) if len(fit) else others
    return fit - torch.logsumexp(others, dim=1)


def probability(odds: Tensor, temperature: float, bias: float) -> Tensor:
    """σ(temperature · log odds + bias), N float64 in [0, 1]."""
    scaled = odds.double() * temperature if temperature else torch.zeros_like(odds, dtype=torch.float64)
    return torch.sigmoid(scaled + bias)


def leaning(advantage: Tensor, members: Tensor, temperature: float) -> Tensor:
    """How well objects fit a word that has no rivals, relative to the best fitting member; N float64 in [0, 1].

    advantage: N logits of the phrase with the word minus those without. Members (N probabilities) that are unlikely
    cannot set the measure for the others. The best gets 1, so that such a word ranks and never refuses.
    """
    if not len(advantage):
        return advantage.double()
    best = (advantage.double() * temperature).masked_fill(members < members.max() / 2, float("-inf")).max()
    return (advantage.double() * temperature - best).exp().clamp(max=1)
