"""How good a SAM's proposals are on tabletop scenes, through the generator that the segmenter uses."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

from hybridgl_ros.proposals.sam import SamProposals
from hybridgl_ros.settings import ProposalSettings
from hybridgl_ros.tabletop.dataset import TabletopScene

log = logging.getLogger(__name__)
MISSED_IOU = 0.5
"""An object whose best proposal overlaps it less than this counts as missed."""

PERMISSIVE = ProposalSettings(
    points_per_side=8,
    points_per_batch=64,
    predicted_iou_threshold=0.5,
    stability_threshold=0.5,
    nms="box",
    nms_threshold=0.7,
    minimum_region_area=20,
)
"""Low thresholds to follow a training by, before thresholds are chosen for the model."""


@dataclass(frozen=True)
class SceneOverlaps:
    """IoU of one scene's objects (rows) with its proposals (columns), and what the generator selects these by.

    ``predicted_iou`` and ``stability`` (N,), ``boxes`` (N×4: left, top, right, bottom) of the proposals.
    """

    shapes: tuple[str, ...]
    iou: NDArray[np.float32]
    predicted_iou: NDArray[np.float32]
    stability: NDArray[np.float32]
    boxes: NDArray[np.float32]

    def selected(self, rating: float, stability: float, nms_threshold: float) -> SceneOverlaps:
        """What is left at these thresholds, chosen in the generator's order."""
        kept = np.flatnonzero((self.predicted_iou > rating) & (self.stability >= stability))
        boxes, ratings = torch.from_numpy(self.boxes[kept]), torch.from_numpy(self.predicted_iou[kept])
        kept = kept[nms(boxes, ratings, nms_threshold).numpy()]
        return SceneOverlaps(
            self.shapes, self.iou[:, kept], self.predicted_iou[kept], self.stability[kept], self.boxes[kept]
        )


@dataclass
class ProposalScores:
    """Best-proposal IoU of every object, with its shape, and the number of proposals of every scene."""

    ious: list[float] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    @property
    def mean_best_iou(self) -> float:
        """Mean over objects of the IoU of the proposal that fits best."""
        return float(np.mean(self.ious))

    @property
    def missed(self) -> float:
        """Share of objects whose best proposal has IoU below MISSED_IOU."""
        return float(np.mean(np.array(self.ious) < MISSED_IOU))

    @property
    def proposals(self) -> float:
        """Mean number of proposals of a scene."""
        return float(np.mean(self.counts))

    def by_shape(self) -> dict[str, float]:
        """Mean best-proposal IoU of each shape."""
        shapes, ious = np.array(self.shapes), np.array(self.ious)
        return {shape: float(ious[shapes == shape].mean()) for shape in sorted(set(self.shapes))}


def measure_overlaps(
    generator: SamProposals, scenes: Iterable[TabletopScene], settings: ProposalSettings
) -> list[SceneOverlaps]:
    """Run the generator on every scene at its native resolution."""
    return [overlaps_of(scene, generator, settings) for scene in scenes]


def overlaps_of(scene: TabletopScene, generator: SamProposals, settings: ProposalSettings) -> SceneOverlaps:
    """Proposals of one scene against its objects."""
    proposals = generator.generate(scene.image, settings)
    found = proposals.masks.reshape(-1, scene.instances.size).astype(np.float32)
    truth = np.array([scene.mask(item.instance).ravel() for item in scene.objects], np.float32)
    overlap = truth @ found.T
    union = truth.sum(axis=1)[:, None] + found.sum(axis=1) - overlap
    shapes = tuple(item.shape for item in scene.objects)
    return SceneOverlaps(
        shapes,
        overlap / union,
        np.asarray(proposals.predicted_iou, np.float32),
        np.asarray(proposals.stability, np.float32),
        np.concatenate([proposals.boxes[:, :2], proposals.boxes[:, :2] + proposals.boxes[:, 2:]], axis=1),
    )


def score(overlaps: Iterable[SceneOverlaps]) -> ProposalScores:
    """Scores of the proposals."""
    scores = ProposalScores()
    for scene in overlaps:
        scores.ious.extend(scene.iou.max(axis=1, initial=0.0).tolist())
        scores.shapes.extend(scene.shapes)
        scores.counts.append(scene.iou.shape[1])
    return scores


def choose_thresholds(
    generator: SamProposals,
    scenes: Iterable[TabletopScene],
    *,
    ratings: Iterable[float],
    stabilities: Iterable[float],
    suppressions: Iterable[float],
    area: int,
    tolerance: float,
) -> ProposalSettings:
    """The settings with the fewest proposals among those within ``tolerance`` of the best mean best IoU.

    Every scene is decoded once, without suppression; the masks are then chosen as the generator would choose them.
    """
    ratings, stabilities = sorted(ratings), sorted(stabilities)
    loose = replace(
        PERMISSIVE,
        predicted_iou_threshold=ratings[0],
        stability_threshold=stabilities[0],
        nms_threshold=1.0,
        minimum_region_area=area,
    )
    overlaps = measure_overlaps(generator, scenes, loose)
    tried: list[tuple[ProposalSettings, ProposalScores]] = []
    for rating, stability, suppression in product(ratings, stabilities, suppressions):
        scores = score(scene.selected(rating, stability, suppression) for scene in overlaps)
        settings = replace(
            loose, predicted_iou_threshold=rating, stability_threshold=stability, nms_threshold=suppression
        )
        tried.append((settings, scores))
        numbers = rating, stability, suppression, scores.mean_best_iou, scores.proposals
        log.info("rating %.2f stability %.2f suppression %.2f: IoU %.4f, %.2f proposals", *numbers)
    best = max(scores.mean_best_iou for _, scores in tried)
    good = [item for item in tried if item[1].mean_best_iou >= best - tolerance]
    return min(good, key=lambda item: item[1].proposals)[0]
