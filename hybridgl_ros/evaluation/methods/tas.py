"""TAS (Suo et al., Text Augmented Spatial-aware Zero-shot Referring Image Segmentation, Findings of EMNLP 2023).

CLIP compares the sentence with every proposal, and with what a captioner says of it; what else the captioner sees in
the picture counts against a proposal that looks like it. A side that the sentence names leaves only what lies there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from spacy.tokens import Span
from torch import Tensor

from hybridgl_ros.evaluation.methods import Extra
from hybridgl_ros.evaluation.methods._entities import EntityReader, wide_chunks
from hybridgl_ros.evaluation.methods._pictures import input_picture, on_black, on_blur, square_crop
from hybridgl_ros.evaluation.methods._ranking import ranked_answer
from hybridgl_ros.evaluation.methods._resnet import NO_MAPS
from hybridgl_ros.evaluation.methods._sides import side_of
from hybridgl_ros.evaluation.methods._values import values_for
from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.language.rules import load_rules
from hybridgl_ros.scorers import nothing_proposed
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.settings import Config
from hybridgl_ros.types import Answer, Proposals, Scene

MODEL = "blip2_opt"
SETTINGS = NO_MAPS
RULES = "official"
MODELS = (MODEL,)
EXTRA = Extra("tas", ("transformers",))
NOUNS = ("NOUN", "PROPN")


class Captioner(Protocol):
    """Says what pictures show. checksum: of its weights."""

    checksum: str

    def captions(self, pictures: Sequence[Image.Image]) -> list[str]:
        """One sentence a picture."""
        ...


@dataclass(frozen=True)
class TasValues:
    """The `tas` section of methods.yaml."""

    least_pixels: int
    overlap: float
    blur: int
    image_weight: float
    caption_weight: float
    negative_weight: float
    negative_template: str
    beams: int
    tokens: int
    relations: Sequence[str]
    nothing: Sequence[str]
    superlatives: Sequence[str]
    superlative_sides: Mapping[str, Sequence[str]]
    relation_sides: Mapping[str, Sequence[str]]


class Tas:
    """segmenter: proposes, its CLIP compares. captioner: a `Captioner`."""

    def __init__(self, segmenter: ReferringSegmenter, stages: Stages, captioner: Captioner, values: TasValues) -> None:
        self.segmenter, self.stages, self.captioner, self.values = segmenter, stages, captioner, values
        # The target phrase is found as in HybridGL's published code, which has it from here.
        self.parser = ExpressionParser(segmenter.parser.pipeline, load_rules(RULES))
        self.reader = EntityReader(values.relations, values.nothing, values.superlatives)

    def encode(self, image: np.ndarray) -> EncodedTas:
        before = len(self.stages.usage())
        proposals, made_of = self.stages.proposals(self.segmenter, image)
        chosen = np.flatnonzero(distinct(proposals.masks, self.values.least_pixels, self.values.overlap))
        captions: list[str] = []
        if len(chosen):
            values = {"blur": self.values.blur, "beams": self.values.beams, "tokens": self.values.tokens}
            inputs = {"proposals": made_of, "chosen": chosen.tolist(), "captioner": self.captioner.checksum, **values}
            entry = self.stages.entry("captions", inputs, lambda: packed(self._captions(image, proposals, chosen)))
            captions = unpacked(entry.tensors)
        timings = {usage.stage: usage.seconds for usage in self.stages.usage()[before:]}
        scene = Scene(image, proposals, torch.zeros(len(proposals), 0), None, (0, 0), timings)
        return EncodedTas(self, scene, chosen, captions)

    def _captions(self, image: np.ndarray, proposals: Proposals, chosen: np.ndarray) -> list[str]:
        """Of each chosen proposal on its blurred surroundings, then of the whole picture."""
        regions = [
            square_crop(on_blur(image, proposals.masks[index], self.values.blur), proposals.boxes[index])
            for index in chosen
        ]
        return self.captioner.captions([*regions, Image.fromarray(image)])


class EncodedTas:
    """One image: chosen, the numbers of its proposals that can be the answer; captions of these, and of the picture."""

    def __init__(self, method: Tas, scene: Scene, chosen: np.ndarray, captions: Sequence[str]) -> None:
        self._method, self._scene, self._chosen, self._captions = method, scene, chosen, captions
        self._values, self._clip = method.values, method.segmenter.clip

    @property
    def proposals(self) -> Proposals:
        return self._scene.proposals

    def refer(self, expression: str) -> Answer:
        parse = self._method.parser.parse(expression)
        timings = dict(self._scene.timings)
        if not len(self.proposals):
            return nothing_proposed(self._scene, parse, (), timings)
        started = time.perf_counter()
        likeness = self.similarity(parse.sentence, parse.target)
        similarity = np.full(len(self.proposals), -np.inf, np.float32)
        similarity[self._chosen] = likeness
        scores = similarity.copy()
        scores[self._chosen[~self.on_the_side(parse.sentence, parse.target)]] = -np.inf
        timings["scoring"] = time.perf_counter() - started
        return ranked_answer(self._scene, parse, scores, timings, similarity)

    def similarity(self, sentence: str, phrase: str) -> np.ndarray:
        """Of the chosen proposals, adding up to 1: what speaks for each in text and image, stretched, as a softmax."""
        values, (text,) = self._values, self._features([sentence])
        total = values.image_weight * self._regions @ text + values.caption_weight * self._said @ text
        if negatives := self.negatives(phrase):
            against = (self._regions @ self._features(negatives).T).mean(dim=1)
            total = total - values.negative_weight * against
        logits = self._clip.logit_scale * total
        stretched = (logits - logits.min()) / (logits.max() - logits.min()).clamp(min=torch.finfo(logits.dtype).tiny)
        return stretched.softmax(dim=0).cpu().numpy()

    def negatives(self, phrase: str) -> list[str]:
        """Sentences about the things in the picture's caption that are not the target phrase's."""
        wanted = noun_of(self._read(phrase)[:])
        return [
            self._values.negative_template.format(chunk)
            for chunk in self._read(self._captions[-1]).noun_chunks
            if not wanted or noun_of(chunk) != wanted
        ]

    def on_the_side(self, sentence: str, phrase: str) -> np.ndarray:
        """Which of the chosen proposals lie on the side that the sentence names; all where none does."""
        doc = self._read(sentence)
        chunks = wide_chunks(doc)
        entity = self._method.reader.read(doc, chunks)
        phrases = {str(chunk) for chunk in chunks.values()}
        values = self._values
        side = side_of(sentence, phrase, entity, phrases, values.superlative_sides, values.relation_sides)
        found = side.holds(self.proposals.masks[self._chosen])
        return found if found.any() else np.ones(len(found), bool)

    def _read(self, text: str) -> Any:
        return self._method.parser.pipeline(text)

    def _features(self, texts: Sequence[str]) -> Tensor:
        return F.normalize(self._method.segmenter.text.encode(texts), dim=-1)

    @cached_property
    def _said(self) -> Tensor:
        """Unit features of the proposals' captions."""
        return self._features(self._captions[:-1])

    @cached_property
    def _regions(self) -> Tensor:
        """Unit features of the chosen proposals, cut out on black."""
        clip, image, proposals = self._clip, self._scene.image, self.proposals
        found = []
        for index in self._chosen:
            crop = square_crop(on_black(image, proposals.masks[index]), proposals.boxes[index])
            pixels = torch.from_numpy(np.array(input_picture(crop, clip.input_size))).permute(2, 0, 1)[None]
            with torch.inference_mode(), clip.autocast():
                tokens = clip.run(clip.embed(clip.normalise(pixels.to(clip.device))), 0, len(clip.blocks))
                found.append(F.normalize(clip.project(tokens[:, 0]).float(), dim=-1))
        return torch.cat(found)


def build(config: Config, stages: Stages) -> Tas:
    """The method on the registry's captioner. Raises ConfigError without the extra, WeightsError without weights."""
    EXTRA.check()
    from hybridgl_ros.evaluation.methods._captions import load_captioner

    values = values_for("tas", TasValues)
    captioner = load_captioner(MODEL, config.models.device, values.beams, values.tokens)
    return Tas(stages.segmenter.with_config(config), stages, captioner, values)


def distinct(masks: np.ndarray, least: int, overlap: float) -> np.ndarray:
    """Which of N×H×W bool masks are large enough, and the larger of every two that cover much of the smaller, N bool.

    All, where none is.
    """
    areas = masks.sum(axis=(1, 2))
    kept = areas >= least
    large = np.flatnonzero(kept)
    flat = masks.reshape(len(masks), -1)
    for place, first in enumerate(large):
        for second in large[place + 1 :]:
            if (flat[first] & flat[second]).sum() / min(areas[first], areas[second]) > overlap:
                kept[second if areas[first] >= areas[second] else first] = False
    return kept if kept.any() else np.ones(len(masks), bool)


def noun_of(span: Span) -> str:
    """The first noun of a phrase in lower case; nothing where there is none."""
    return next((word.text.lower() for word in span if word.pos_ in NOUNS), "")


def packed(captions: Sequence[str]) -> dict[str, Tensor]:
    """Captions as a tensor, for the cache."""
    return {"text": torch.tensor(list(json.dumps(captions).encode()), dtype=torch.uint8)}


def unpacked(tensors: Mapping[str, Tensor]) -> list[str]:
    """What `packed` packed."""
    return list(json.loads(tensors["text"].numpy().tobytes()))
