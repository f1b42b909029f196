"""What an evaluation reads and what it records: one sample an expression, one outcome a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hybridgl_ros.errors import DatasetError


@dataclass(frozen=True)
class Sample:
    """One referring expression of one image.

    id: unique in its split and the same on every machine. tags: free labels the breakdown can group by.
    has_target: False when nothing in the image is meant.
    """

    id: str
    image_id: str
    expression: str
    tags: tuple[str, ...] = ()
    has_target: bool = True


@dataclass(frozen=True, eq=False)
class Geometry:
    """What a camera with depth knows beside the image.

    depth: H×W float32 metres along the optical axis on the image's grid, NaN where unknown. intrinsics: 3×3 float64
    pinhole matrix.
    """

    depth: NDArray[np.float32]
    intrinsics: NDArray[np.float64]


class ReferringDataset(Protocol):
    """One split of a referring segmentation data set; samples of one image stand next to each other.

    Pixels are read on access only. An instance can be pickled, so that worker processes read for themselves.
    One with depth has a method `geometry(image_id) -> Geometry | None` as well, see `geometry_of`.
    """

    @property
    def name(self) -> str:
        """Which data set this is."""
        ...

    @property
    def split(self) -> str:
        """Which part of it."""
        ...

    @property
    def samples(self) -> Sequence[Sample]:
        """All samples of the split."""
        ...

    def image(self, image_id: str) -> NDArray[np.uint8]:
        """H×W×3 uint8 RGB. Raises DatasetError when the file is missing or damaged."""
        ...

    def mask(self, sample: Sample) -> NDArray[np.bool_]:
        """H×W bool on the image's grid, all False without a target. Raises DatasetError when it cannot be
        read."""
        ...


def geometry_of(dataset: ReferringDataset, image_id: str) -> Geometry | None:
    """Depth and intrinsics of an image, None where the data set has none. Raises DatasetError when damaged."""
    read = getattr(dataset, "geometry", None)
    return None if read is None else read(image_id)


def target_mask(dataset: ReferringDataset, sample: Sample) -> NDArray[np.bool_]:
    """The mask of a sample with a target, H×W bool. Raises DatasetError when nothing of it is there."""
    mask = dataset.mask(sample)
    if not mask.any():
        raise DatasetError(f"{dataset.name} {dataset.split}: the mask of sample {sample.id} is empty")
    return mask


class Subset:
    """Some samples of a data set; everything else is the whole data set's."""

    def __init__(self, dataset: ReferringDataset, samples: Sequence[Sample]) -> None:
        self._dataset = dataset
        self.samples = tuple(samples)
        self.name = dataset.name
        self.split = dataset.split

    def image(self, image_id: str) -> NDArray[np.uint8]:
        """See `ReferringDataset.image`."""
        return self._dataset.image(image_id)

    def mask(self, sample: Sample) -> NDArray[np.bool_]:
        """See `ReferringDataset.mask`."""
        return self._dataset.mask(sample)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # not there yet while a pickle is read
            raise AttributeError(name)
        return getattr(self._dataset, name)


@dataclass(frozen=True)
class Outcome:
    """What one method answered to one sample, and how good that was.

    image: the sample's image_id. score, similarity, margin: of the answer, see `hybridgl_ros.types.Answer`.
    intersection, union: pixels. iou: 0 when the union is empty. ceiling: IoU of the best proposal;
    clip_iou: IoU of the proposal with the highest similarity. chosen: index of the answer among the
    proposals. target_area: fraction of the image. parse: fields of `hybridgl_ros.types.Parse`. timings:
    seconds a stage. first_iou: IoU of the best candidate alone, whether it was answered or not. None stands for
    what does not apply: the IoUs and the area of a sample without a target, the scores of an image without
    proposals. Numbers that are not finite become None, NumPy scalars become Python's.
    """

    id: str
    image: str
    expression: str
    tags: tuple[str, ...]
    has_target: bool
    found: bool
    score: float | None
    similarity: float | None
    margin: float | None
    intersection: int
    union: int
    iou: float | None
    ceiling: float | None
    clip_iou: float | None
    chosen: int | None
    n_proposals: int
    target_area: float | None
    parse: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    first_iou: float | None = None

    def __post_init__(self) -> None:
        for name in ("score", "similarity", "margin", "iou", "ceiling", "clip_iou", "target_area", "first_iou"):
            object.__setattr__(self, name, _finite(getattr(self, name)))
        for name in ("intersection", "union", "n_proposals"):
            object.__setattr__(self, name, int(getattr(self, name)))
        for name in ("has_target", "found"):
            object.__setattr__(self, name, bool(getattr(self, name)))
        object.__setattr__(self, "chosen", None if self.chosen is None else int(self.chosen))
        object.__setattr__(self, "tags", tuple(self.tags))
        object.__setattr__(self, "parse", {key: _plain(value) for key, value in self.parse.items()})
        object.__setattr__(self, "timings", {key: float(value) for key, value in self.timings.items()})

    def to_json(self) -> dict[str, Any]:
        """Plain values only; `from_json` gives back an equal outcome, also by way of a file."""
        return {**asdict(self), "tags": list(self.tags)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Outcome:
        """Raises DatasetError when fields are missing or unknown."""
        names = {entry.name for entry in fields(cls)}
        if set(record) != names:
            missing, unknown = sorted(names - set(record)), sorted(set(record) - names)
            raise DatasetError(f"not an outcome: missing {missing}, unknown {unknown}")
        return cls(**record)


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _plain(value: Any) -> Any:
    return [_plain(entry) for entry in value] if isinstance(value, (tuple, list)) else value
