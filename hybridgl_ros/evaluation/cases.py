"""The expressions worth looking at: the best, the worst, and those where little was missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hybridgl_ros.drawing import REFERENT, darken_around, data_uri, outline
from hybridgl_ros.evaluation.datasets.segmentations import decode_segmentation
from hybridgl_ros.evaluation.runner import Answered
from hybridgl_ros.evaluation.samples import ReferringDataset, Sample

COUNT = 24
FOUND_IOU = 0.5
TRUTH = (80, 230, 120)
WIDTH = 400


@dataclass(frozen=True)
class Case:
    """One expression with its picture as a data URI. lead: by how much the wrong proposal won, None elsewhere."""

    answer: Mapping[str, Any]
    picture: str
    lead: float | None = None

    @property
    def outcome(self) -> Mapping[str, Any]:
        return self.answer["outcome"]


def best(answers: Sequence[Mapping[str, Any]], count: int = COUNT) -> list[Mapping[str, Any]]:
    """Answers of the highest IoU first."""
    return sorted(with_target(answers), key=lambda answer: -answer["outcome"]["iou"])[:count]


def worst(answers: Sequence[Mapping[str, Any]], count: int = COUNT) -> list[Mapping[str, Any]]:
    """Answers of the lowest IoU first, those with the largest margin before others."""
    return sorted(
        with_target(answers), key=lambda answer: (answer["outcome"]["iou"], -(answer["outcome"]["margin"] or 0.0))
    )[:count]


def nearest_misses(answers: Sequence[Mapping[str, Any]], count: int = COUNT) -> list[Mapping[str, Any]]:
    """Wrong answers where a right proposal was there and lost by the smallest lead."""
    missed = [answer for answer in with_target(answers) if lead_of(answer) is not None]
    return sorted(missed, key=lambda answer: lead_of(answer) or 0.0)[:count]


def lead_of(answer: Mapping[str, Any]) -> float | None:
    """The chosen proposal's score minus the right one's; None when the answer is right or nothing could be."""
    outcome, right = answer["outcome"], answer["best"]
    if outcome["iou"] >= FOUND_IOU or right is None or right["iou"] < FOUND_IOU or right["score"] is None:
        return None
    return outcome["score"] - right["score"]


def with_target(answers: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [answer for answer in answers if answer["outcome"]["has_target"]]


def draw_cases(answers: Sequence[Mapping[str, Any]], entry: Answered, dataset: ReferringDataset) -> list[Case]:
    """Pictures of answers with the truth outlined."""
    samples: dict[str, Sample] = {sample.id: sample for sample in dataset.samples}
    cases = []
    for answer in answers:
        sample = samples[answer["outcome"]["id"]]
        image, truth = dataset.image(sample.image_id), dataset.mask(sample)
        mask = decode_segmentation(answer["mask"], truth.shape, sample.id)
        cases.append(Case(answer, data_uri(overlay(image, mask, truth), WIDTH), lead_of(answer)))
    return cases


def overlay(image: np.ndarray, answer: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """H×W×3 uint8 RGB: answer and truth outlined, all but the answer darkened (masks H×W bool)."""
    canvas = np.ascontiguousarray(darken_around(image, answer))
    width = max(1, round(max(image.shape[:2]) / 250))
    outline(canvas, answer, REFERENT, width)
    outline(canvas, truth, TRUTH, 2 * width)
    return canvas
