"""The small CLIP's training: the words people use, and what its losses ask for."""

from __future__ import annotations

import random
import sys
import zlib
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[2] / "training"))

from clip_data import UNKNOWN, ViewBatch
from clip_losses import COLOURS, SHAPES, TextBanks, draw_texts, level_loss, pose_loss, usual_features
from clip_schedule import STEPS, TUNING, Progress
from clip_text import (
    POSES_OF,
    SHAPE_NAMES,
    WORDS,
    CompactTokenizer,
    Description,
    Wording,
    usual_words,
)
from evaluate_clip import auroc

from hybridgl_ros.tabletop.objects import COLOURS as PAINTS
from hybridgl_ros.tabletop.objects import POSES, SHADES
from hybridgl_ros.tabletop.objects import SHAPES as MESHES

TOKENIZER = CompactTokenizer(32)


def batch_of(*labels: tuple[int, int, int, int, int, int]) -> ViewBatch:
    shape, colour, size, shade, pose, scene = torch.tensor(labels).T
    empty = torch.zeros(len(labels), 1)
    return ViewBatch(
        empty, empty.bool(), empty, shape, colour, size, shade, pose, scene, empty, torch.ones(len(labels))
    )


def test_the_words_name_what_the_tabletop_has() -> None:
    assert set(WORDS["shapes"]) == set(MESHES)
    assert set(WORDS["colours"]) == set(PAINTS)
    assert tuple(WORDS["poses"]) == POSES
    assert {shade for _, shade in SHADES} == set(WORDS["shades"])
    assert all(len(set(words)) >= 5 for words in WORDS["shapes"].values())
    nouns = [noun for words in WORDS["shapes"].values() for noun in words]
    assert len(nouns) == len(set(nouns))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.data())
def test_every_wording_has_tokens_and_its_own_meaning_only(seed: int, data: st.DataObject) -> None:
    shape = data.draw(st.none() | st.integers(0, SHAPES - 1))
    poses = POSES_OF[SHAPE_NAMES[shape]] if shape is not None else (0, 1, 2)
    description = Description(
        shape,
        data.draw(st.none() | st.integers(0, COLOURS - 1)),
        data.draw(st.none() | st.integers(0, 1)),
        data.draw(st.none() | st.integers(0, 1)),
        data.draw(st.none() | st.sampled_from(poses)) if poses else None,
    )
    text = Wording(random.Random(seed), spatial=0.0).text(description)
    ids, ends = TOKENIZER([text])
    assert ids.shape[1] == int(ends[0]) + 1 <= 32
    words = set(text.split())
    for index, name in enumerate(SHAPE_NAMES):
        if index != shape:
            assert not words & {noun for noun in WORDS["shapes"][name] if " " not in noun}


def test_every_synonym_starts_beside_a_word_with_an_embedding() -> None:
    for word, usual in usual_words().items():
        assert TOKENIZER.rows_of(word)
        assert 0 not in TOKENIZER.rows_of(usual.split()[-1])


def features_of(texts: list[str]) -> torch.Tensor:
    """Hashed words: the same text has the same feature."""
    return torch.stack(
        [torch.randn(64, generator=torch.Generator().manual_seed(zlib.crc32(text.encode()))) for text in texts]
    )


def test_true_texts_are_to_lie_above_the_level_and_junk_below() -> None:
    banks = TextBanks(features_of, Wording(random.Random(0)))
    batch = batch_of((0, 0, 0, -1, -1, 0), (1, 2, 0, -1, -1, 0), (-1, -1, -1, -1, -1, 0))
    right = torch.stack([banks.colour_shape[0], banks.colour_shape[2 * SHAPES + 1], -banks.colour_shape.sum(0)])
    wrong = right.roll(1, dims=0)
    good, bad = (level_loss(F.normalize(each, dim=-1), batch, banks) for each in (right, wrong))
    assert good < bad


def test_poses_are_compared_within_the_shape() -> None:
    banks = TextBanks(features_of, Wording(random.Random(0)))
    bottle = SHAPE_NAMES.index("bottle")
    batch = batch_of((bottle, 0, 0, -1, 1, 0))
    from clip_losses import POSED

    features = banks.posed[[POSED.index((bottle, pose)) for pose in (0, 1)]]
    scale = torch.tensor(20.0)
    assert pose_loss(features[1:], batch, banks, scale) < pose_loss(features[:1], batch, banks, scale)


@pytest.mark.parametrize("seed", range(5))
def test_a_text_is_true_of_the_view_it_was_drawn_for_and_never_of_junk(seed: int) -> None:
    views = [(1, 2, 0, -1, -1, 0), (5, 2, 1, 1, 1, 0), (5, 2, 1, -1, 0, 0), (-1,) * 5 + (0,), (6, 0, -1, 0, 2, 1)]
    batch = batch_of(*views)
    texts, positives, known, same = draw_texts(batch, Wording(random.Random(seed)), random.Random(seed))
    rows = [row for row, view in enumerate(views) if view[0] != UNKNOWN]
    assert len(texts) == len(rows)
    for text, row in enumerate(rows):
        assert positives[text, row]
        assert known[text, row]
        assert not positives[text, 3]
        assert same[text].tolist() == [view[5] == views[row][5] for view in views]


def test_the_usual_words_cover_every_description() -> None:
    descriptions, features = usual_features(features_of)
    assert len(descriptions) == len(set(descriptions)) == 9 * 8 * 3 - 1
    torch.testing.assert_close(features.norm(dim=-1), torch.ones(len(features)))


def test_fine_tuning_goes_through_its_stages_by_the_clock() -> None:
    progress = Progress(100.0, stage=TUNING[0], rate=0.4)
    seen = []
    for second in range(100):
        progress.spent, progress.steps = float(second), second
        progress.advance()
        seen.append(progress.stage)
        assert progress.draw_step(random.Random(second)) in STEPS[progress.stage]
        assert progress.learning_rate() <= 0.4
    assert tuple(dict.fromkeys(seen)) == TUNING


def test_auroc_counts_pairs_in_the_right_order() -> None:
    assert auroc([(0.1, False), (0.2, False), (0.9, True)]) == 1.0
    assert auroc([(0.1, True), (0.2, False), (0.3, True)]) == 0.5
