"""Fits on a labelled set what makes probabilities of CLIP's cosines, and how an answer's probability becomes a refusal.

First the words, on phrases without clauses, which are true of the referents and of nothing else; then the answers. A
fit on one half of the images is judged on the other half, and the settings that count are fitted on all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hybridgl_ros.config import replace as changed
from hybridgl_ros.errors import ConfigError
from hybridgl_ros.evaluation.cache import StageCache
from hybridgl_ros.evaluation.confidence import RIGHT
from hybridgl_ros.evaluation.dependencies import config_models
from hybridgl_ros.evaluation.judging import (
    SWAPPED,
    Judged,
    Quality,
    decision_settings,
    judge,
    judged,
    rounded,
    swapped,
)
from hybridgl_ros.evaluation.metrics import iou, overlap
from hybridgl_ros.evaluation.samples import ReferringDataset, Sample, geometry_of
from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.grounding.calibration import WordOdds, fit_words
from hybridgl_ros.language.query import Phrase, Query
from hybridgl_ros.scorers.query import QueryScorer
from hybridgl_ros.scorers.recognition import Recogniser
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.types import Scene

NEUTRAL: Mapping[str, Any] = {
    "membership.noun_temperature": 1.0,
    "membership.noun_bias": 0.0,
    "membership.attribute_temperature": 1.0,
    "membership.attribute_bias": 0.0,
    "decision.calibrated": False,
    "decision.relation": 1.0,
    "decision.order": 1.0,
    "decision.position": 1.0,
    "decision.clause": 0.0,
    "decision.temperature": 1.0,
    "decision.bias": 0.0,
}
"""Settings under which probabilities are those of the raw log odds."""
EXHAUSTIVE = ("one", "all")
"""Counts with which an expression means everything that its phrase is true of."""
ATTRIBUTES = 4
"""Attributes of a phrase that are looked at; one with more is left out."""
TINY = 1e-12

Track = Callable[[Iterable[str], str], Iterable[str]]


@dataclass(frozen=True)
class Labelled:
    """Sets of expressions about the same images; each by a name."""

    datasets: Mapping[str, ReferringDataset]
    limit: int | None = None
    depth: bool = True

    def images(self) -> dict[str, list[tuple[str, Sample]]]:
        """The samples of each image, with the name of their set."""
        found: dict[str, list[tuple[str, Sample]]] = {}
        for name, dataset in self.datasets.items():
            for sample in dataset.samples[: self.limit]:
                found.setdefault(sample.image_id, []).append((name, sample))
        return found


@dataclass(frozen=True)
class Calibrated:
    """settings: by dotted name. apart: by set, and `all`, on the half that was held apart. phrases, answers: how many
    examples the settings were fitted on (a phrase once an object)."""

    settings: dict[str, Any]
    apart: dict[str, Quality]
    phrases: int
    answers: int


def calibrate(
    segmenter: ReferringSegmenter, labelled: Labelled, cache: Path, keep: float, track: Track = lambda items, _: items
) -> Calibrated:
    """Fit words, answers and threshold.

    keep: share of the right answers that the threshold keeps. cache: folder of the stages.
    Raises ConfigError unless expressions are scored as queries and there are enough examples.
    """
    if segmenter.config.scoring.method != "query":
        raise ConfigError("scoring.method: only queries have probabilities to calibrate; take preset robot")
    scenes = Scenes(segmenter, labelled, cache)
    images = list(scenes.images)
    first = set(images[::2])
    try:
        examples = {image: scenes.phrases(image) for image in track(images, "words")}
        words_of_half = word_settings([examples[image] for image in images if image in first])
        words = word_settings(list(examples.values()))
        pairs = {image: scenes.answers(image, (words_of_half, words)) for image in track(images, "answers")}
        half = [answer for image in images if image in first for answer in pairs[image][0]]
        apart = [answer for image in images if image not in first for answer in pairs[image][0]]
        every = [answer for image in images for answer in pairs[image][1]]
        quality = judge(apart, decision_settings(half, keep))
        settings = words | decision_settings(every, keep)
    except ValueError as error:
        raise ConfigError(f"too little to calibrate on: {error}") from error
    phrases = sum(len(entry.right) for entry in examples.values())
    return Calibrated(settings, quality, phrases, sum(answer.source != SWAPPED for answer in every))


class Scenes:
    """The images of a labelled set, encoded through the stage cache, and what expressions say of them."""

    def __init__(self, segmenter: ReferringSegmenter, labelled: Labelled, cache: Path) -> None:
        self.config = changed(segmenter.config, NEUTRAL)
        self.segmenter = segmenter.with_config(self.config)
        self.labelled = labelled
        self.images = labelled.images()
        self.stages = Stages(self.segmenter, StageCache(cache), config_models(self.config))
        self.answering: dict[tuple[Any, ...], ReferringSegmenter] = {}

    def scene(self, image_id: str) -> Scene:
        """An image, encoded."""
        dataset = self.labelled.datasets[self.images[image_id][0][0]]
        image = dataset.image(image_id)
        self.stages.start(image, geometry_of(dataset, image_id) if self.labelled.depth else None)
        return self.stages.scene(self.segmenter, image)

    def truth(self, name: str, sample: Sample) -> np.ndarray:
        return self.labelled.datasets[name].mask(sample)

    def phrases(self, image_id: str) -> WordOdds:
        """Every object against every phrase without clauses."""
        scene, scorer = self.scene(image_id), self.segmenter.scorer
        if not isinstance(scorer, QueryScorer) or not len(scene.proposals):
            return joined([])
        found = scorer.objects(scene)
        masks = scene.proposals.masks[[entry.best for entry in found.objects]]
        examples = []
        for name, sample in self.images[image_id]:
            queries = scorer.reading(sample.expression).queries
            query = queries[0]
            if len(queries) > 1 or query.clauses or query.count.kind not in EXHAUSTIVE:
                continue
            recogniser = Recogniser(scorer.vocabulary, found.features, self.config.membership)
            odds = words_of(recogniser, query.phrase)
            if odds is not None:
                examples.append(WordOdds(*odds, share_inside(masks, self.truth(name, sample)) >= RIGHT))
        return joined(examples)

    def answers(self, image_id: str, several: Sequence[dict[str, Any]]) -> list[list[Judged]]:
        """The answers to the image's expressions under each of several settings of the words, then to those with a
        landmark that is not there."""
        scene = self.scene(image_id)
        samples = self.images[image_id]
        truths = [self.truth(name, sample) if sample.has_target else None for name, sample in samples]
        made = self.swapped(image_id)
        found = []
        for settings in several:
            key = tuple(settings.values())
            if key not in self.answering:
                self.answering[key] = self.segmenter.with_config(changed(self.config, settings))
            segmenter, fresh = self.answering[key], replace(scene, memory={})
            answers = []
            for (name, sample), truth in zip(samples, truths, strict=True):
                answer = segmenter.refer(fresh, sample.expression)
                right = truth is not None and iou(*overlap(answer.mask, truth)) >= RIGHT
                answers.append(judged(name, answer, sample.has_target, right))
            answers += [judged(SWAPPED, segmenter.refer(fresh, query), False, False) for query in made]
            found.append(answers)
        return found

    def swapped(self, image_id: str) -> list[Query]:
        """The image's expressions with a landmark that is not there."""
        scorer = self.segmenter.scorer
        if not isinstance(scorer, QueryScorer):
            return []
        asked = [(sample, scorer.reading(sample.expression).queries[0]) for _, sample in self.images[image_id]]
        missing = [query.phrase for sample, query in asked if not sample.has_target and not query.clauses]
        return list(swapped([query for sample, query in asked if sample.has_target], missing))


def words_of(recogniser: Recogniser, phrase: Phrase) -> tuple[np.ndarray, np.ndarray] | None:
    """Log odds of a phrase's noun (N) and attributes (N×`ATTRIBUTES`) for N objects, NaN for none.

    None for a phrase with words that the bank does not have, or that compare.
    """
    bank, size = recogniser.vocabulary.bank, len(recogniser.features)
    noun, attributes, _ = recogniser.vocabulary.split(phrase)
    nouns, columns = np.full(size, np.nan), np.full((size, ATTRIBUTES), np.nan)
    listed = all(bank.attribute(word) and word.lower() not in bank.relative for word in attributes)
    if not listed or len(attributes) > ATTRIBUTES or not (noun or attributes):
        return None
    if noun and (groups := bank.noun(noun)) != ():
        if groups is None:
            return None
        nouns = log_odds_of(recogniser.membership(Phrase(noun, noun)).fit)
    for place, word in enumerate(attributes):
        columns[:, place] = log_odds_of(recogniser.membership(Phrase(word, "", (word,))).fit)
    if recogniser.notes or (np.isnan(nouns).all() and np.isnan(columns).all()):
        return None
    return nouns, columns


def log_odds_of(probabilities: torch.Tensor) -> np.ndarray:
    return np.asarray(torch.logit(probabilities.double().clamp(TINY, 1 - TINY)).cpu())


def share_inside(masks: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """How much of each of N×H×W masks lies in the truth, N float64."""
    flat = masks.reshape(len(masks), -1)
    return flat[:, truth.ravel()].sum(axis=1) / np.maximum(flat.sum(axis=1), 1)


def joined(examples: Sequence[WordOdds]) -> WordOdds:
    """Examples one after the other."""
    return WordOdds(
        np.concatenate([np.empty(0), *(entry.nouns for entry in examples)]),
        np.concatenate([np.empty((0, ATTRIBUTES)), *(entry.attributes for entry in examples)]),
        np.concatenate([np.empty(0, bool), *(entry.right for entry in examples)]),
    )


def word_settings(examples: Sequence[WordOdds]) -> dict[str, Any]:
    """`membership.…` as fitted. Raises ValueError without examples of both outcomes."""
    noun, attribute = fit_words(joined(examples))
    return {
        "membership.noun_temperature": rounded(noun.temperature),
        "membership.noun_bias": rounded(noun.bias),
        "membership.attribute_temperature": rounded(attribute.temperature),
        "membership.attribute_bias": rounded(attribute.bias),
    }
