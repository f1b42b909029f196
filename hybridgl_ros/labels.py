"""Several answers on one image as one picture of labels, numbered as `vision_msgs/LabelInfo` wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybridgl_ros.settings import Config
from hybridgl_ros.types import Answer, Candidate

UNLABELED = "UNLABELED"


@dataclass(frozen=True)
class Label:
    """A number of the picture. expression: place of its expression; referent: None when that found nothing."""

    number: int
    expression: int
    referent: Candidate | None


def labels_of(answers: Sequence[Answer | None]) -> list[Label]:
    """A label for each referent. answers: of each expression; None for one without, which has no label.

    The first referent of expression i has the number i, so that numbers stay while answers change; further referents
    follow after the last expression. What has no place below 65535 is left out.
    """
    first, further = [], []
    for place, answer in enumerate(answers):
        if answer is not None:
            first.append(Label(place, place, answer.objects[0] if answer.objects else None))
            further += [(place, referent) for referent in answer.objects[1:]]
    rest = [Label(number, place, referent) for number, (place, referent) in enumerate(further, len(answers))]
    return [label for label in first + rest if label.number < unlabeled_of(np.uint16)]


def kind_of_numbers(labels: Sequence[Label]) -> type[np.uint8] | type[np.uint16]:
    """uint8 for less than 255 numbers, else uint16."""
    return np.uint8 if all(label.number + 1 < unlabeled_of(np.uint8) for label in labels) else np.uint16


def unlabeled_of(kind: type[np.uint8] | type[np.uint16]) -> int:
    """The number of pixels that belong to no referent: the largest of its kind."""
    return int(np.iinfo(kind).max)


def label_picture(labels: Sequence[Label], size: tuple[int, int]) -> np.ndarray:
    """H×W uint8 or uint16, the number of each pixel's referent.

    Where referents overlap the smaller one is on top, so that none hides another one inside it; of equal ones the
    one with the smaller number.
    """
    kind = kind_of_numbers(labels)
    picture = np.full(size, unlabeled_of(kind), kind)
    drawn = [(label.number, label.referent) for label in labels if label.referent is not None]
    drawn.sort(key=lambda entry: (-np.count_nonzero(entry[1].mask), -entry[0]))
    for number, referent in drawn:
        np.putmask(picture, referent.mask, kind(number))
    return picture


def threshold_of(config: Config) -> float:
    """The probability below which nothing counts as found; 0 where answers are no probabilities, or all are taken."""
    decision = config.decision
    return decision.threshold if config.scoring.method == "query" and decision.calibrated else 0.0
