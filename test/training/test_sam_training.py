"""The small SAM's training computes what SAM computes, and asks each point for the right object."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hybridgl_ros.models.embedded_sam import build_embedded_sam
from hybridgl_ros.tabletop.dataset import TabletopScene

sys.path.insert(0, str(Path(__file__).parents[2] / "training"))

from sam_data import NEAR_RADIUS, make_batch, prepare_example
from sam_losses import mask_losses
from sam_network import decode_points, encode_crops
from sam_scores import SceneOverlaps, score

ORIGIN = torch.zeros(1, 2, dtype=torch.long)


@pytest.fixture(scope="module")
def sam():
    torch.manual_seed(0)
    model = build_embedded_sam()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return model.requires_grad_(False)


@pytest.fixture(scope="module")
def scene():
    instances = np.zeros((240, 320), np.uint8)
    instances[60:120, 40:110] = 1
    instances[100:180, 200:280] = 2
    image = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    depth = np.ones((240, 320), np.float32)
    return TabletopScene("scene", 0, image, instances, depth, np.eye(3), (), (), {})


def test_a_full_crop_gives_what_sam_gives(sam, scene):
    image = torch.from_numpy(prepare_example(scene).image).permute(2, 0, 1).float()
    expected = sam.image_encoder(sam.preprocess(image)[None])
    pixels, valid = torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256)
    pixels[0, :, :192], valid[..., :192, :] = image, 1
    embeddings = encode_crops(sam, pixels, valid, ORIGIN)
    torch.testing.assert_close(embeddings, expected)

    points = torch.tensor([[[10.0, 20.0], [100.0, 50.0]]])
    sparse, dense = sam.prompt_encoder(points=(points[0][:, None], torch.ones(2, 1)), boxes=None, masks=None)
    positions = sam.prompt_encoder.get_dense_pe()
    masks, quality = sam.mask_decoder(expected, positions, sparse, dense, multimask_output=True)
    logits, rated = decode_points(sam, embeddings, ORIGIN, points)
    torch.testing.assert_close(logits[0], masks)
    torch.testing.assert_close(rated[0], quality)


def test_points_are_asked_for_the_object_they_are_on_or_near(scene):
    targets = prepare_example(scene).targets
    assert targets.shape == (192, 256)
    assert targets[70, 60] == 1
    assert targets[110, 190] == 2
    left_edge = round(40 * 256 / 320)
    assert targets[70, left_edge - NEAR_RADIUS + 2] == 1
    assert targets[70, left_edge - NEAR_RADIUS - 2] == 0


@pytest.mark.parametrize("side", [128, 256])
def test_a_point_lies_on_the_mask_it_is_asked_for(scene, side):
    example = prepare_example(scene)
    batch = make_batch([example], np.random.default_rng(3), batch=8, side=side, points=6)
    checked = 0
    for image in range(8):
        local = batch.points[image] - batch.origins[image].flip(0) * 8
        assert (local >= 0).all()
        assert (local < side).all()
        for (x, y), target in zip(local.long().tolist(), batch.targets[image].tolist(), strict=True):
            covered = batch.masks[image, :, y // 2, x // 2]
            assert covered.sum() <= 1
            if covered.max() == 1:
                assert target == covered.argmax()
                checked += 1
    assert checked >= 10


def test_the_true_mask_costs_less_than_an_empty_one():
    masks = torch.zeros(1, 1, 32, 32)
    masks[..., 8:20, 8:20] = 1
    target = torch.zeros(1, 1, dtype=torch.long)
    true = ((masks - 0.5) * 20).expand(1, 3, 32, 32)[:, None]
    good = mask_losses(true, torch.ones(1, 1, 3), masks, target, bce_weight=0.1)
    empty = mask_losses(torch.full_like(true, -10), torch.zeros(1, 1, 3), masks, target, bce_weight=0.1)
    assert good.best_iou == 1
    assert good.total < 0.01
    assert empty.best_iou == 0
    assert empty.total > 1


def test_a_point_without_object_should_rate_itself_zero():
    masks = torch.ones(1, 1, 8, 8)
    none = torch.full((1, 1), -1)
    losses = mask_losses(torch.ones(1, 1, 3, 8, 8), torch.full((1, 1, 3), 0.5), masks, none, bce_weight=1.0)
    assert losses.mask == 0
    assert losses.quality == pytest.approx(0.25)


def test_the_true_mask_costs_less_when_its_edges_are_sharp():
    masks = torch.zeros(1, 1, 32, 32)
    masks[..., 8:20, 8:20] = 1
    target = torch.zeros(1, 1, dtype=torch.long)
    soft, sharp = (
        mask_losses(
            ((masks - 0.5) * scale).expand(1, 3, 32, 32)[:, None], torch.ones(1, 1, 3), masks, target, 0.1, 10.0
        )
        for scale in (6, 20)
    )
    assert sharp.total < soft.total


def overlaps(*rows):
    """Two objects and three proposals, the last a slightly worse copy of the first."""
    iou, rating, stability, boxes = rows
    return SceneOverlaps(("cube", "ring"), *(np.array(row, np.float32) for row in (iou, rating, stability, boxes)))


def test_selection_and_scores_follow_the_thresholds():
    scene = overlaps(
        [[0.9, 0.2, 0.85], [0.1, 0.6, 0.1]],
        [0.8, 0.4, 0.7],
        [0.9, 0.8, 0.9],
        [[0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 10, 9.5]],
    )
    everything = score([scene])
    assert everything.mean_best_iou == pytest.approx(0.75)
    assert everything.proposals == 3
    assert score([scene.selected(0.0, 0.0, nms_threshold=0.7)]).proposals == 2
    best = score([scene.selected(0.5, 0.0, nms_threshold=0.7)])
    assert best.by_shape() == pytest.approx({"cube": 0.9, "ring": 0.1})
    assert best.missed == 0.5
    assert score([scene.selected(0.5, 0.95, nms_threshold=0.7)]).mean_best_iou == 0
