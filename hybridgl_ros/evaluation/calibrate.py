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
from hybridgl_ros.evaluation.metrics import auroc, iou, overlap
from hybridgl_ros.evaluation.samples import ReferringDataset, Sample, geometry_of
from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.grounding.calibration import (
    Reliability,
    WordOdds,
    fit_calibration,
    fit_words,
    keeping_threshold,
    reliability,
)
from hybridgl_ros.language.query import Phrase
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
    "decision.temperature": 1.0,
    "decision.bias": 0.0,
}
"""Settings under which probabilities are those of the raw log odds."""
EXHAUSTIVE = ("one", "all")
"""Counts with which an expression means everything that its phrase is true of."""
DIGITS = 4
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
class Judged:
    """One answer: which set it is of, whether something is meant, log odds of its score, and whether it is right."""

    source: str
    present: bool
    odds: float
    right: bool


@dataclass(frozen=True)
class Quality:
    """How well calibrated answers are that no fit has seen.

    auroc: of the score, present against absent; kept: share of the right answers that reach the threshold; refused: of
    the absent that do not; each NaN where there are none.
    """

    answers: int
    curve: Reliability
    auroc: float
    kept: float
    refused: float


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
    return Calibrated(settings, quality, sum(len(entry.right) for entry in examples.values()), len(every))


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
        """The answers to the image's expressions under each of several settings of the words."""
        scene = self.scene(image_id)
        truths = [self.truth(name, sample) for name, sample in self.images[image_id]]
        found = []
        for settings in several:
            key = tuple(settings.values())
            if key not in self.answering:
                self.answering[key] = self.segmenter.with_config(changed(self.config, settings))
            segmenter = self.answering[key]
            fresh = replace(scene, memory={})
            found.append(
                [
                    judged(name, sample, segmenter, fresh, truth)
                    for (name, sample), truth in zip(self.images[image_id], truths, strict=True)
                ]
            )
        return found


def words_of(recogniser: Recogniser, phrase: Phrase) -> tuple[np.ndarray, np.ndarray] | None:
    """Log odds of a phrase's noun (N) and attributes (N×`ATTRIBUTES`) for N objects, NaN for none.

    None for a phrase with words that the bank does not have, or that compare.
    """
    bank, size = recogniser.vocabulary.bank, len(recogniser.features)
    noun, attributes = recogniser.split(phrase)
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


def judged(source: str, sample: Sample, segmenter: ReferringSegmenter, scene: Scene, truth: np.ndarray) -> Judged:
    """One answer, on the raw scale of its score."""
    answer = segmenter.refer(scene, sample.expression)
    score = min(max(answer.score, TINY), 1 - TINY) if answer.candidates else TINY
    right = sample.has_target and iou(*overlap(answer.mask, truth)) >= RIGHT
    return Judged(source, sample.has_target, float(np.log(score) - np.log1p(-score)), right)


def decision_settings(answers: Sequence[Judged], keep: float) -> dict[str, Any]:
    """`decision.…` as fitted. Raises ValueError without right and wrong answers."""
    fit = fit_calibration(np.array([entry.odds for entry in answers]), np.array([entry.right for entry in answers]))
    settings: dict[str, Any] = {
        "decision.calibrated": True,
        "decision.temperature": rounded(fit.temperature),
        "decision.bias": rounded(fit.bias),
    }
    right = [entry for entry in answers if entry.right]
    threshold = keeping_threshold(probabilities_of(right, settings), keep)
    return settings | {"decision.threshold": rounded(threshold, down=True)}


def probabilities_of(answers: Sequence[Judged], settings: Mapping[str, Any]) -> np.ndarray:
    odds = np.array([entry.odds for entry in answers])
    return np.asarray(1 / (1 + np.exp(-settings["decision.temperature"] * odds - settings["decision.bias"])))


def judge(answers: Sequence[Judged], settings: Mapping[str, Any]) -> dict[str, Quality]:
    """The quality on each set of expressions, and on all of them."""
    groups = {source: [entry for entry in answers if entry.source == source] for source in {e.source for e in answers}}
    groups = dict(sorted(groups.items()))
    return {name: quality_of(group, settings) for name, group in {**groups, "all": list(answers)}.items()}


def quality_of(answers: Sequence[Judged], settings: Mapping[str, Any]) -> Quality:
    scores = probabilities_of(answers, settings)
    present = np.array([entry.present for entry in answers], bool)
    right = np.array([entry.right for entry in answers], bool)
    reached = scores >= settings["decision.threshold"]

    def share(which: np.ndarray, of: np.ndarray) -> float:
        return float(which[of].mean()) if of.any() else float("nan")

    return Quality(
        len(answers),
        reliability(scores, right),
        float(auroc(present, scores)[0]),
        share(reached, right),
        share(~reached, ~present),
    )


def rounded(value: float, down: bool = False) -> float:
    """A setting in the digits that are written. down: a threshold must not pass what it was chosen to keep."""
    if down:
        return float(np.floor(value * 10**DIGITS) / 10**DIGITS)
    return float(f"{value:.{DIGITS}g}")
