"""One process' share of an evaluation: every run on one image after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hybridgl_ros.clip.text import TextEncoder
from hybridgl_ros.errors import DatasetError, ExpressionError, ImageError
from hybridgl_ros.evaluation.cache import StageCache, image_digest
from hybridgl_ros.evaluation.datasets.segmentations import encode_rle
from hybridgl_ros.evaluation.dependencies import config_models
from hybridgl_ros.evaluation.kinds import Kinds
from hybridgl_ros.evaluation.methods import EncodedImage, Recorded, find_method
from hybridgl_ros.evaluation.metrics import iou, mask_ious, overlap
from hybridgl_ros.evaluation.plan import Run
from hybridgl_ros.evaluation.samples import Geometry, Outcome, ReferringDataset, Sample, geometry_of
from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.evaluation.witness import Witness
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
    depth: whether the methods get the depth that a data set has. witness: is shown everything.
    """

    def __init__(
        self,
        datasets: Mapping[str, ReferringDataset],
        runs: Sequence[Run],
        load: Loader,
        cache: Path | None,
        threads: int = 1,
        depth: bool = True,
        witness: Witness | None = None,
    ) -> None:
        self._datasets = datasets
        self._runs = runs
        self._depth = depth
        self._witness = witness or Witness()
        self._cache = StageCache(cache) if cache is not None else None
        computed = [run for run in runs if run.source is None]
        self._stages = self._make_stages(computed[0].config, load) if computed else None
        torch.set_num_threads(threads)
        self._methods: list[Any] = [
            find_method(run.method).build(run.config, run.source or self._stages) for run in runs
        ]
        self._kinds = Kinds(datasets, runs[0].config.models.spacy)

    def evaluate(self, task: Task) -> dict[str, Any]:
        """The journal's record of one image: every run's answer to every sample, and what the stages took.

        Raises DatasetError when the image, a mask or an expression is unusable.
        """
        dataset = self._datasets[task.split]
        image = dataset.image(task.image_id)
        truths = [dataset.mask(sample) for sample in task.samples]
        damaged = self._cache.damaged if self._cache else 0
        geometry = geometry_of(dataset, task.image_id) if self._depth else None
        digest = self._stages.start(image, geometry) if self._stages else image_digest(image)
        samples = [replace(sample, tags=self._kinds.tags(task.split, sample)) for sample in task.samples]
        self._witness.picture(task.split, image, geometry, samples, truths)
        answers: dict[str, list[dict[str, Any]]] = {}
        for run, method in zip(self._runs, self._methods):
            if run.source is not None:
                answers[run.name] = [self._recorded(run, method, task.split, *pair) for pair in zip(samples, truths)]
                continue
            try:
                encoded = method.encode(image)
            except ImageError as error:
                raise DatasetError(f"{dataset.name} {task.split}: image {task.image_id}: {error}") from error
            if encoded.proposals is not None:
                self._witness.proposals(run.name, encoded.proposals)
            answers[run.name] = [self._answer(run, encoded, *pair) for pair in zip(samples, truths)]
        return {
            "split": task.split,
            "image": task.image_id,
            "data": data_digest(digest, truths, geometry),
            "answers": answers,
            "stages": [asdict(usage) for usage in self._stages.usage()] if self._stages else [],
            "damaged": self._cache.damaged - damaged if self._cache else 0,
        }

    def _make_stages(self, config: Config, load: Loader) -> Stages:
        loaded = load(config)
        segmenter = ReferringSegmenter(
            loaded.config, loaded.generator, loaded.clip, loaded.parser, OneByOneTextEncoder(loaded.clip)
        )
        return Stages(segmenter, self._cache, config_models(config))

    def _answer(self, run: Run, encoded: EncodedImage, sample: Sample, truth: np.ndarray) -> dict[str, Any]:
        try:
            answer = encoded.refer(sample.expression)
        except ExpressionError as error:
            raise DatasetError(f"sample {sample.id}: {error}") from error
        ious = None if encoded.proposals is None else mask_ious(encoded.proposals.masks, truth)
        outcome = outcome_of(sample, answer, truth, ious)
        self._witness.answer(run.name, sample, answer, outcome)
        if ious is None:
            return unranked(outcome, answer)
        return {
            **entry_of(outcome, answer),
            "candidates": candidates_of(answer, ious, sample.has_target),
            "best": best_of(answer, ious, sample),
        }

    def _recorded(self, run: Run, answers: Recorded, split: str, sample: Sample, truth: np.ndarray) -> dict[str, Any]:
        size = truth.shape[0], truth.shape[1]
        answer = answers.find(split, sample, size)
        if answer is None:
            answer = answers.nothing(sample, size)
            # Nobody has refused it, so that it counts as wrong where nothing is meant, too.
            outcome = replace(outcome_of(sample, answer, truth, None), found=not sample.has_target)
        else:
            outcome = outcome_of(sample, answer, truth, None)
        self._witness.answer(run.name, sample, answer, outcome)
        return unranked(outcome, answer)


def unranked(outcome: Outcome, answer: Answer) -> dict[str, Any]:
    """The journal's entry of an answer that was not chosen from proposals."""
    return {**entry_of(outcome, answer), "candidates": [], "best": None}


def entry_of(outcome: Outcome, answer: Answer) -> dict[str, Any]:
    """What the journal holds of every answer."""
    return {
        "outcome": outcome.to_json(),
        "mask": encode_rle(answer.mask),
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


def outcome_of(sample: Sample, answer: Answer, truth: np.ndarray, ious: np.ndarray | None) -> Outcome:
    """What an answer is worth. ious: of each proposal with the truth, None for an answer without proposals."""
    both, either = overlap(answer.mask, truth)
    known = sample.has_target
    scored = bool(answer.candidates) or ious is None
    ranked = known and ious is not None
    of_each = np.empty(0) if ious is None else ious
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
        ceiling=float(of_each.max(initial=0.0)) if ranked else None,
        clip_iou=(float(of_each[likeliest.index]) if likeliest else 0.0) if ranked else None,
        chosen=answer.candidates[0].index if answer.found and answer.candidates else None,
        n_proposals=len(of_each),
        target_area=float(truth.mean()) if known else None,
        parse=asdict(answer.parse),
        timings=answer.timings,
        first_iou=(float(of_each[answer.candidates[0].index]) if answer.candidates else 0.0) if ranked else None,
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
