"""Objects from proposals: near-duplicates are one object, a part belongs to its whole, a group is none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridgl_ros.settings import ObjectSettings
from hybridgl_ros.types import Proposals


@dataclass(frozen=True)
class Object:
    """What may be one thing in the scene.

    members: indices of the proposals that show it, the best first. real: P(it is a thing), by the best one's quality.
    """

    members: tuple[int, ...]
    real: float = 1.0

    @property
    def best(self) -> int:
        """The proposal that shows it best."""
        return self.members[0]


def find_objects(proposals: Proposals, settings: ObjectSettings) -> tuple[Object, ...]:
    """The objects that the proposals show, the best first; every object keeps its near-duplicates.

    Left out are proposals that fill the frame, groups of better objects, and parts of better ones. A thing inside
    another's outline but not on its mask, such as a ball in a ring, is an object of its own.
    """
    if not len(proposals):
        return ()
    quality = quality_of(proposals)
    common = common_pixels(proposals.masks)
    area = np.diag(common)
    inside = common / area[:, None]
    iou = common / (area[:, None] + area[None] - common)
    share = area / proposals.masks[0].size
    kept = [i for i in np.argsort(-quality, kind="stable") if share[i] <= settings.largest]
    kept = [i for i in kept if not is_group(i, kept, quality, inside, iou, settings)]
    objects: list[list[int]] = []
    for i in kept:
        overlaps = [iou[i, members[0]] for members in objects]
        if overlaps and max(overlaps) >= settings.same:
            objects[int(np.argmax(overlaps))].append(int(i))
        elif not any(max(inside[i, members[0]], inside[members[0], i]) >= settings.part for members in objects):
            objects.append([int(i)])
    return tuple(Object(tuple(members), reality(quality[members[0]], settings)) for members in objects)


def reality(quality: float, settings: ObjectSettings) -> float:
    """P(a mask of this quality shows an object)."""
    return float(1 / (1 + np.exp((settings.quality - quality) / settings.quality_softness)))


def quality_of(proposals: Proposals) -> np.ndarray:
    """How good SAM rates each mask, N float64: predicted IoU · stability, what it does not know counts as 1."""
    rated = np.stack([proposals.predicted_iou, proposals.stability]).astype(np.float64)
    return np.where(np.isfinite(rated), rated, 1.0).prod(axis=0)


def common_pixels(masks: np.ndarray) -> np.ndarray:
    """How many pixels every two of N×H×W bool masks share, N×N float64."""
    flat = masks.reshape(len(masks), -1).astype(np.float32)
    return (flat @ flat.T).astype(np.float64)


def is_group(
    whole: int, others: list[int], quality: np.ndarray, inside: np.ndarray, iou: np.ndarray, settings: ObjectSettings
) -> bool:
    """Whether a mask is several better ones together.

    others: proposals, the best first. inside: [i, j] = share of i's pixels in j. The pieces lie in the whole, apart
    from each other, cover most of it, and are rated better on average.
    """
    pieces: list[int] = []
    for i in others:
        if i == whole or inside[i, whole] < settings.part or iou[i, whole] >= settings.same_piece:
            continue
        if all(max(inside[i, piece], inside[piece, i]) < 1 - settings.part for piece in pieces):
            pieces.append(i)
    covered = sum(inside[whole, piece] for piece in pieces)
    return len(pieces) > 1 and covered >= settings.part and quality[pieces].mean() > quality[whole]
