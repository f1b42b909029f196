"""How many of some uncertain members there are, and which place one of them takes: exact counts of independent events.

Members are independent Bernoulli variables; what follows from their number is a Poisson-binomial distribution. All of
it is sums and products of non-negative numbers in float64, so that nothing cancels and no logarithm is needed.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def count_distribution(probabilities: Tensor, otherwise: Tensor | None = None) -> Tensor:
    """P(exactly k of n events happen), k = 0 … n: …×n probabilities → …×(n+1) float64 (Poisson-binomial).

    otherwise: …×n, what an event's not happening weighs; 1 − its probability unless given.
    """
    otherwise = 1 - probabilities.double() if otherwise is None else otherwise
    *batch, n = probabilities.shape
    happens, fails = (values.double().movedim(-1, 0).numpy() for values in (probabilities, otherwise))
    counts = np.zeros((n + 1, *batch))
    counts[0] = 1
    for event in range(n):
        counts[1 : event + 2] = counts[1 : event + 2] * fails[event] + counts[: event + 1] * happens[event]
        counts[0] *= fails[event]
    return torch.from_numpy(counts).movedim(0, -1)


def at_least(probabilities: Tensor, n: int) -> float:
    """P(at least n of the events happen)."""
    if n > len(probabilities):
        return 0.0
    return float(count_distribution(probabilities)[max(n, 0) :].sum())


def rank_factors(members: Tensor, ahead: Tensor, n: int, company: float = 0.0) -> Tensor:
    """P(a member takes the n-th place), for each of N objects as if it were a member; N float64.

    members: N probabilities of being a member. ahead: N×N, [j, i] = P(j comes before i); the diagonal is not read.
    n: 1 is the first place; −1 the last, −2 the last but one. company: how far it is taken for granted that there are
    more than n members, as who says "the first" means that there are others. Raises ValueError for n = 0.
    """
    if n == 0:
        raise ValueError("places are counted from 1, or from −1 at the other end")
    if n < 0:
        ahead, n = ahead.T, -n
    size = len(members)
    if n > size:
        return torch.zeros(size, dtype=torch.float64)
    members = members.double()
    before, others = members[:, None] * ahead.double(), members[:, None].expand(size, size).clone()
    before, others = before.fill_diagonal_(0), others.fill_diagonal_(0)
    taken = count_distribution(before.T)[:, n - 1]
    if not company:
        return taken
    alone = count_distribution(before.T, (1 - others).T)[:, n - 1]
    more = at_least(members, n + 1)
    if not more:
        return taken
    accompanied = ((taken - alone).clamp(min=0) * (at_least(members, n) / more)).clamp(max=1)
    return (1 - company) * taken + company * accompanied


def ahead_of(values: Tensor, softness: float) -> Tensor:
    """P(j comes before i) along an axis, N×N float64, [j, i]: smaller values come first.

    softness: the difference at which the odds are e : 1. Where a value is not known (NaN) nobody knows: ½.
    """
    values = values.double()
    ahead = torch.sigmoid((values[None] - values[:, None]) / max(softness, 1e-9))
    return torch.nan_to_num(ahead, nan=0.5)
