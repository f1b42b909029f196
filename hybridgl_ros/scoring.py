"""From similarities and guidance to the score of every proposal (Eq. 3, 5 and 9). No models, no images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hybridgl_ros.settings import FusionSettings, RelationSettings
from hybridgl_ros.spatial.relations import relation_matrix
from hybridgl_ros.types import Parse


@dataclass(frozen=True)
class Semantic:
    """S^s of N proposals.

    candidates: k int64, the target's best proposals, best first. relation: N float32, Eq. 5 before any softmax, NaN
    outside the candidates or when no relation applied. scores: N float32, S^s as it enters Eq. 9.
    eligible: N bool, which proposals may be the answer.
    """

    candidates: Tensor
    relation: Tensor
    scores: Tensor
    eligible: Tensor
    notes: tuple[str, ...] = ()


def semantic_scores(
    similarity: Tensor,
    other_similarity: Tensor | None,
    boxes: Tensor,
    parse: Parse,
    settings: RelationSettings,
    logit_scale: float,
) -> Semantic:
    """S^s of Eq. 3 or 5.

    similarity: N cosines with the target; other_similarity: N cosines with the other objects, None when the
    expression names none. boxes: N×4 XYWH.
    """
    target = logit_scale * similarity
    candidates = torch.topk(target, min(settings.target_candidates, len(target))).indices
    eligible = torch.ones_like(similarity, dtype=torch.bool)
    if settings.enabled and settings.only_candidates:
        eligible = torch.zeros_like(eligible).index_fill(0, candidates, True)
    unrelated = torch.full_like(similarity, float("nan"))
    notes: tuple[str, ...] = ()
    if relation_applies(parse, other_similarity is not None, settings):
        other = target if other_similarity is None else logit_scale * other_similarity
        likelihood = relation_likelihood(target, other, other_similarity is None, candidates, boxes, parse, settings)
        if bool((likelihood > 0).any()) or not settings.fallback:
            scores = spread(likelihood, candidates, eligible, settings.scale)
            return Semantic(candidates, unrelated.index_put((candidates,), likelihood), scores, eligible)
        notes = (f"nothing satisfies the relation {parse.relation!r}; ranked by similarity alone",)
    if not settings.enabled or settings.without_relation == "similarity":
        return Semantic(candidates, unrelated, torch.softmax(target, 0), eligible, notes)
    summed = settings.target_candidates if other_similarity is None else settings.other_candidates
    likelihood = probabilities(target, candidates, settings)[candidates] * min(summed, len(target))
    return Semantic(candidates, unrelated, spread(likelihood, candidates, eligible, settings.scale), eligible, notes)


def relation_applies(parse: Parse, names_others: bool, settings: RelationSettings) -> bool:
    """Whether Eq. 5 is used for this expression."""
    if not settings.enabled or parse.relation == "none":
        return False
    return names_others or parse.relation in settings.without_other


def relation_likelihood(
    target: Tensor,
    other: Tensor,
    same: bool,
    candidates: Tensor,
    boxes: Tensor,
    parse: Parse,
    settings: RelationSettings,
) -> Tensor:
    """Eq. 5 of the k candidates: Σ_j P(p, i) · R(i, j) · P(q, j), k float32. target, other: scaled cosines."""
    wanted = settings.target_candidates if same else settings.other_candidates
    others = torch.topk(other, min(wanted, len(other))).indices
    relation = relation_matrix(parse.relation, boxes[candidates], boxes[others])
    if not settings.self_pairs:
        relation = relation * (candidates[:, None] != others[None])
    likely = probabilities(other, others, settings)[others]
    return probabilities(target, candidates, settings)[candidates] * (relation @ likely)


def probabilities(logits: Tensor, candidates: Tensor, settings: RelationSettings) -> Tensor:
    """P(p, m): softmax over all proposals, or over the candidates alone with 0 elsewhere. N float32."""
    if settings.softmax_over == "all":
        return torch.softmax(logits, 0)
    return torch.zeros_like(logits).index_put((candidates,), torch.softmax(logits[candidates], 0))


def spread(likelihood: Tensor, candidates: Tensor, eligible: Tensor, scale: str) -> Tensor:
    """Softmax of the candidates' likelihoods, or of their logarithms, over the eligible proposals; N float32."""
    scores = torch.zeros_like(eligible, dtype=likelihood.dtype).index_put((candidates,), likelihood)
    if scale == "log":
        total = scores.sum()
        return scores / total if bool(total > 0) else eligible / eligible.sum()
    return torch.softmax(scores.masked_fill(~eligible, float("-inf")), 0)


def fuse(semantic: Semantic, guidance: Tensor | None, settings: FusionSettings) -> tuple[Tensor, Tensor]:
    """Eq. 9: (S^g as it enters, fused score), each N float32; −inf for a proposal that may not be the answer.

    guidance: N raw S^g, None when the guidance is switched off.
    """
    if guidance is None:
        spatial = torch.zeros_like(semantic.scores)
        fused = semantic.scores
    else:
        spatial = torch.softmax(guidance, 0) if settings.normalise_guidance else guidance
        fused = (1 - settings.alpha) * semantic.scores + settings.alpha * spatial
    return spatial, fused.masked_fill(~semantic.eligible, float("-inf"))
