from __future__ import annotations

import pytest
import torch

from hybridgl_ros.config import load_config
from hybridgl_ros.scoring import fuse, semantic_scores
from hybridgl_ros.types import Parse

BOXES = torch.tensor([[0, 0, 10, 10], [20, 0, 10, 10], [40, 0, 10, 10], [60, 0, 10, 10]], dtype=torch.float32)
SIMILARITY = torch.tensor([0.30, 0.29, 0.20, 0.10])


def parse(relation: str = "none") -> Parse:
    return Parse("", "", "", "", relation=relation)


def settings(preset: str = "paper", **changes):
    overrides = {f"relations.{name}": value for name, value in changes.items()}
    return load_config("embedded", preset=preset, overrides=overrides).relations


def test_without_a_relation_the_paper_takes_the_softmax_of_the_cosines():
    scores = semantic_scores(SIMILARITY, None, BOXES, parse(), settings(), 100.0)
    assert torch.allclose(scores.scores, torch.softmax(100 * SIMILARITY, 0))
    assert scores.relation.isnan().all() and scores.eligible.all()


def test_a_relation_moves_the_answer_to_the_candidate_that_satisfies_it():
    other = torch.tensor([0.1, 0.1, 0.4, 0.1])
    right = semantic_scores(SIMILARITY, other, BOXES, parse("right"), settings(), 10.0)
    left = semantic_scores(SIMILARITY, other, BOXES, parse("left"), settings(), 10.0)
    assert left.scores.argmax() == 0
    assert right.scores[0] == 0 < right.scores[1]


def test_eq_5_by_hand():
    other = torch.tensor([0.0, 0.0, 0.5, 0.0])
    result = semantic_scores(
        SIMILARITY, other, BOXES, parse("left"), settings(target_candidates=2, other_candidates=1, scale="log"), 1.0
    )
    p = torch.softmax(SIMILARITY[:2], 0)
    assert torch.allclose(result.relation[:2], p) and result.relation[2:].isnan().all()
    assert torch.allclose(result.scores, torch.cat([p, torch.zeros(2)]))


def test_literal_scale_softmaxes_the_probabilities_themselves():
    other = torch.tensor([0.0, 0.0, 0.5, 0.0])
    result = semantic_scores(
        SIMILARITY, other, BOXES, parse("left"), settings(target_candidates=2, other_candidates=1, scale="literal"), 1.0
    )
    raw = torch.cat([torch.softmax(SIMILARITY[:2], 0), torch.zeros(2)])
    assert torch.allclose(result.scores, torch.softmax(raw, 0))


def test_an_unsatisfied_relation_falls_back_and_says_so():
    other = torch.tensor([0.9, 0.0, 0.0, 0.0])
    result = semantic_scores(SIMILARITY, other, BOXES, parse("left"), settings(other_candidates=1), 100.0)
    assert torch.allclose(result.scores, torch.softmax(100 * SIMILARITY, 0))
    assert "left" in result.notes[0]
    strict = semantic_scores(
        SIMILARITY, other, BOXES, parse("left"), settings(other_candidates=1, fallback=False), 100.0
    )
    assert torch.allclose(strict.scores, torch.full((4,), 0.25)) and not strict.notes


def test_relations_without_another_object_follow_the_setting():
    alone = semantic_scores(SIMILARITY, None, BOXES, parse("right"), settings(without_other=[]), 10.0)
    among = semantic_scores(SIMILARITY, None, BOXES, parse("right"), settings(without_other=["right"]), 10.0)
    assert alone.relation.isnan().all()
    assert among.relation[0] == 0 < among.relation[1]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("preset", ["paper", "official"])
@pytest.mark.parametrize("relation", ["none", "left", "within"])
def test_fewer_masks_than_k(preset, count, relation):
    some = SIMILARITY[:count]
    for other in (None, some):
        result = semantic_scores(some, other, BOXES[:count], parse(relation), settings(preset), 100.0)
        assert len(result.candidates) == count
        assert result.scores.isfinite().all() and torch.isclose(result.scores.sum(), torch.tensor(1.0))


def test_official_answers_only_with_its_candidates():
    fusion = load_config("embedded", preset="official").fusion
    semantic = semantic_scores(SIMILARITY, None, BOXES, parse(), settings("official"), 100.0)
    guidance = torch.tensor([0.0, 0.0, 0.0, 50.0])
    spatial, fused = fuse(semantic, guidance, fusion)
    assert fused[3] == float("-inf") and fused.argmax() != 3
    assert torch.equal(spatial, guidance)


def test_eq_9_by_hand():
    fusion = load_config("embedded", overrides={"fusion.alpha": 0.25}).fusion
    semantic = semantic_scores(SIMILARITY, None, BOXES, parse(), settings(), 10.0)
    guidance = torch.tensor([0.0, 1.0, 2.0, 3.0])
    _, fused = fuse(semantic, guidance, fusion)
    assert torch.allclose(fused, 0.75 * torch.softmax(10 * SIMILARITY, 0) + 0.25 * torch.softmax(guidance, 0))


def test_without_guidance_the_semantic_score_stands():
    fusion = load_config("embedded", preset="paper").fusion
    semantic = semantic_scores(SIMILARITY, None, BOXES, parse(), settings(), 10.0)
    assert torch.equal(fuse(semantic, None, fusion)[1], semantic.scores)
