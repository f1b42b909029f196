"""What an object's relation to an uncertain landmark is worth; an object is never its own landmark."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CERTAIN = 1 - 1e-9


@dataclass(frozen=True)
class Identity:
    """Which object is the landmark, as seen from each of N objects.

    shares: N×N float64, row i sums to 1 over j ≠ i (or is 0 when nothing can be it). exists: N, P(there is one).
    """

    shares: Tensor
    exists: Tensor


def identity(likely: Tensor) -> Identity:
    """Which of the others the landmark is, given that it is one of them: by the odds of N independent events."""
    likely = likely.double().clamp(0, CERTAIN)
    odds = (likely / (1 - likely))[None].repeat(len(likely), 1)
    absent = (1 - likely)[None].repeat(len(likely), 1)
    if len(likely):
        odds, absent = odds.fill_diagonal_(0), absent.fill_diagonal_(1)
    return Identity(odds / odds.sum(dim=1, keepdim=True).clamp(min=1e-300), 1 - absent.prod(dim=1))


def relation_factors(matrix: Tensor, likely: Tensor, several: bool = False, unseen: float = 0.0) -> Tensor:
    """P(i stands in the relation to the landmark), N float64: Σ_j R(i, j) P(j is it), j ≠ i, times P(there is one).

    matrix: R, N×N. several: the landmark may be any of several, so that one of them is enough.
    unseen: what an object has left when there is no landmark, for it may have been overlooked.
    """
    if several:
        held = matrix * likely.double()[None]
        held = 1 - (1 - (held.fill_diagonal_(0) if len(likely) else held)).prod(dim=1)
        return held + left_over(held, 1 - (1 - likely.double()).prod(), unseen)
    which = identity(likely)
    expected = (matrix * which.shares).sum(dim=1)
    return expected * which.exists + left_over(expected, which.exists, unseen)


def pair_factors(tensor: Tensor, first: Tensor, second: Tensor, unseen: float = 0.0) -> Tensor:
    """P(i stands in the relation to two landmarks), N float64; tensor: N×N×N, R(i; j, k), 0 where two are the same.

    The two landmarks are different objects; with the same distribution twice they are two of its members.
    """
    one, two = first.double().clamp(0, CERTAIN), second.double().clamp(0, CERTAIN)
    odds = (one / (1 - one))[:, None] * (two / (1 - two))[None]
    size = len(one)
    same = torch.eye(size, dtype=torch.bool)
    weights = odds[None].masked_fill(same[:, :, None] | same[:, None] | same[None], 0)
    best = (one[:, None] * two[None])[None].masked_fill(same[:, :, None] | same[:, None] | same[None], 0)
    total = weights.sum(dim=(1, 2))
    expected = (tensor * weights).sum(dim=(1, 2)) / total.clamp(min=1e-300)
    exists = best.flatten(1).amax(dim=1) if size else total
    return expected * exists + left_over(expected, exists, unseen)


def left_over(expected: Tensor, exists: Tensor, unseen: float) -> Tensor:
    """What is left where the landmark does not exist; half of it follows what the landmark might have been."""
    return unseen * (1 - exists) * (1 + expected) / 2
