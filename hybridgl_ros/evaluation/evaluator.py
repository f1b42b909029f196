"""One process' share of an evaluation: every run on one image after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hybridgl_ros.clip.text import TextEncoder
from hybridgl_ros.errors import DatasetError, ExpressionError, ImageError
from hybridgl_ros.evaluation.cache import StageCache
from hybridgl_ros.evaluation.datasets.segmentations import encode_rle
from hybridgl_ros.evaluation.dependencies import config_models
from hybridgl_ros.evaluation.methods import EncodedImage, Method, find_method
from hybridgl_ros.evaluation.metrics import iou, mask_ious, overlap
from hybridgl_ros.evaluation.plan import Run
from hybridgl_ros.evaluation.samples import Geometry, Outcome, ReferringDataset, Sample, geometry_of
from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.settings import Config
from hybridgl_ros.types import Answer

RANKED = 3
"""How many of an answer's candidates are recorded."""
DIGITS = 6
"""Significant digits of recorded scores."""

Loader = Callable[[Config], ReferringSegmenter]


@dataclass(frozen=True)
class Task:
    """One image of a split with the expressions to answer."""

    split: str
    image_id: str
    samples: tuple[Sample, ...]


class OneByOneTextEncoder(TextEncoder):
    """Encodes each text alone: in a batch, its last digits would depend on what came with it and before it."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        return torch.cat([super(OneByOneTextEncoder, self).encode([text]) for text in texts])


class Evaluator:
    """Loads the models once and evaluates images; what it answers depends on the image and its samples only.

    datasets: by split. load: makes the segmenter of a configuration. cache: folder of the stage cache, None for none.
    threads: CPU threads of torch; their number can change the last digits, so it is the same in every process.
    depth: whether the methods get the depth that a data set has.
    """

    def __init__(
        self,
        datasets: Mapping[str, ReferringDataset],
        runs: Sequence[Run],
        load: Loader,
        cache: Path | None,
        threads: int = 1,
        depth: bool = True,
    ) -> None:
        self._datasets = datasets
        self._runs = runs
        self._depth = depth
        loaded = load(runs[0].config)
        torch.set_num_threads(threads)
        segmenter = ReferringSegmenter(
            loaded.config, loaded.generator, loaded.clip, loaded.parser, OneByOneTextEncoder(loaded.clip)
        )
        self._cache = StageCache(cache) if cache is not None else None
        self._stages = Stages(segmenter, self._cache, config_models(runs[0].config))
        self._methods: list[Method] = [find_method(run.method).build(run.config, self._stages) for run in runs]

    def evaluate(self, task: Task) -> dict[str, Any]:
        """The journal's record of one image: every run's answer to every sample, and what the stages took.

        Raises DatasetError when the image, a mask or an expression is unusable.
        """
        dataset = self._datasets[task.split]
        image = dataset.image(task.image_id)
        truths = [dataset.mask(sample) for sample in task.samples]
        damaged = self._cache.damaged if self._cache else 0
        geometry = geometry_of(dataset, task.image_id) if self._depth else None
        digest = self._stages.start(image, geometry)
        answers: dict[str, list[dict[str, Any]]] = {}
        for run, method in zip(self._runs, self._methods):
            try:
                encoded = method.encode(image)
            except ImageError as error:
                raise DatasetError(f"{dataset.name} {task.split}: image {task.image_id}: {error}") from error
            answers[run.name] = [self._answer(encoded, sample, truth) for sample, truth in zip(task.samples, truths)]
        return {
            "split": task.split,
            "image": task.image_id,
            "data": data_digest(digest, truths, geometry),
            "answers": answers,
            "stages": [asdict(usage) for usage in self._stages.usage()],
            "damaged": self._cache.damaged - damaged if self._cache else 0,
        }

    def _answer(self, encoded: EncodedImage, sample: Sample, truth: np.ndarray) -> dict[str, Any]:
        try:
            answer = encoded.refer(sample.expression)
        except ExpressionError as error:
            raise DatasetError(f"sample {sample.id}: {error}") from error
        ious = mask_ious(encoded.proposals.masks, truth)
        return {
            "outcome": outcome_of(sample, answer, truth, ious).to_json(),
            "mask": encode_rle(answer.mask),
            "candidates": candidates_of(answer, ious, sample.has_target),
            "best": best_of(answer, ious, sample),
            "notes": [note for note in (answer.reason, *answer.notes) if note],
        }


def data_digest(image: str, truths: Sequence[np.ndarray], geometry: Geometry | None = None) -> str:
    """SHA-256 of what the answers of one image were made of and scored on.

    image: its `image_digest`. truths: of each of its samples. geometry: the depth that the methods were given.
    """
    digest = hashlib.sha256(image.encode())
    if geometry is not None:
        digest.update(geometry.depth.tobytes() + geometry.intrinsics.tobytes())
    for truth in truths:
        digest.update(np.packbits(truth).tobytes())
    return digest.hexdigest()


def outcome_of(sample: Sample, answer: Answer, truth: np.ndarray, ious: np.ndarray) -> Outcome:
    """What an answer is worth. ious: of each proposal with the truth."""
    both, either = overlap(answer.mask, truth)
    known = sample.has_target
    scored = bool(answer.candidates)
    likeliest = max(answer.candidates, key=lambda entry: entry.similarity, default=None)
    return Outcome(
        id=sample.id,
        image=sample.image_id,
        expression=sample.expression,
        tags=sample.tags,
        has_target=known,
        found=answer.found,
        score=shortened(answer.score) if scored else None,
        similarity=shortened(answer.similarity) if scored else None,
        margin=shortened(answer.margin) if scored else None,
        intersection=both,
        union=either,
        iou=iou(both, either) if known else None,
        ceiling=(float(ious.max()) if len(ious) else 0.0) if known else None,
        clip_iou=(float(ious[likeliest.index]) if likeliest else 0.0) if known else None,
        chosen=answer.candidates[0].index if answer.found else None,
        n_proposals=len(ious),
        target_area=float(truth.mean()) if known else None,
        parse=asdict(answer.parse),
        timings=answer.timings,
        first_iou=(float(ious[answer.candidates[0].index]) if scored else 0.0) if known else None,
    )


def candidates_of(answer: Answer, ious: np.ndarray, has_target: bool) -> list[dict[str, Any]]:
    """The first candidates with every partial score."""
    names = ("score", "similarity", "relation", "semantic", "guidance", "spatial")
    return [
        {
            "proposal": entry.index,
            "iou": float(ious[entry.index]) if has_target else None,
            **{name: shortened(getattr(entry, name)) for name in names},
        }
        for entry in answer.candidates[:RANKED]
    ]


def best_of(answer: Answer, ious: np.ndarray, sample: Sample) -> dict[str, Any] | None:
    """The proposal nearest to the truth: its index, IoU, and score (None when it could not be the answer)."""
    if not sample.has_target or not len(ious):
        return None
    index = int(ious.argmax())
    score = next((entry.score for entry in answer.candidates if entry.index == index), None)
    return {"proposal": index, "iou": float(ious[index]), "score": None if score is None else shortened(score)}


def shortened(value: float) -> float | None:
    """A score in the digits that are recorded; None when it is not finite."""
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
