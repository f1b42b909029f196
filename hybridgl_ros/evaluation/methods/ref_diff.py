"""Ref-Diff (Ni et al., Ref-Diff: Zero-shot Referring Image Segmentation with Generative Models, 2023).

Three scores of every proposal: CLIP on it cut out, CLIP on it in its place, and how much of the attention to the
sentence's subject, in a diffusion model, lies inside it. The weights are those its authors published for RefCOCO.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.evaluation.methods import Extra
from hybridgl_ros.evaluation.methods._attention_maps import CELL, heat, over_image, similarities, square_picture
from hybridgl_ros.evaluation.methods._placed_tokens import region_tokens
from hybridgl_ros.evaluation.methods._ranking import ranked_answer
from hybridgl_ros.evaluation.methods._resnet import NO_MAPS
from hybridgl_ros.evaluation.methods._values import values_for
from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.scorers import nothing_proposed
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.settings import Config
from hybridgl_ros.spatial.guidance import guidance_scores
from hybridgl_ros.types import Answer, Proposals, Scene

MODEL = "stable_diffusion_v1_5"
SETTINGS = NO_MAPS
MODELS = (MODEL,)
EXTRA = Extra("refdiff", ("diffusers", "transformers"))
SUBJECTS = ("ROOT", "subj")


@dataclass(frozen=True)
class RefDiffValues:
    """The `ref-diff` section of methods.yaml."""

    largest: int
    least_pixels: int
    least_share: float
    cropped_sentence: float
    cropped_subject: float
    placed_sentence: float
    placed_subject: float
    cropped_weight: float
    placed_weight: float
    diffusion_weight: float
    side: int
    steps: int
    strength: float
    guidance: float
    seed: int
    ramp: Sequence[int]


class RefDiff:
    """segmenter: proposes and parses, its CLIP compares. diffusion: a `StableDiffusion`."""

    def __init__(self, segmenter: ReferringSegmenter, stages: Stages, diffusion: Any, values: RefDiffValues) -> None:
        self.segmenter, self.stages, self.diffusion, self.values = segmenter, stages, diffusion, values

    def encode(self, image: np.ndarray) -> EncodedRefDiff:
        before = len(self.stages.usage())
        proposals, _ = self.stages.proposals(self.segmenter, image)
        timings = {usage.stage: usage.seconds for usage in self.stages.usage()[before:]}
        return EncodedRefDiff(self, Scene(image, proposals, torch.zeros(len(proposals), 0), None, (0, 0), timings))


@dataclass(frozen=True)
class Parts:
    """The three scores of N proposals, N float32 each."""

    cropped: np.ndarray
    placed: np.ndarray
    diffusion: np.ndarray


class EncodedRefDiff:
    """One image's proposals, with what of them no expression changes."""

    def __init__(self, method: RefDiff, scene: Scene) -> None:
        self._method, self._scene, self._values = method, scene, method.values
        self._clip = method.segmenter.clip
        # Every sentence without a side looks at the same cut out proposals.
        self._cropped = lru_cache(maxsize=3)(self._cropped_tokens)

    @property
    def proposals(self) -> Proposals:
        return self._scene.proposals

    def refer(self, expression: str) -> Answer:
        parse = self._method.segmenter.parser.parse(expression)
        timings = dict(self._scene.timings)
        if not len(self.proposals):
            return nothing_proposed(self._scene, parse, (), timings)
        started = time.perf_counter()
        parts = self.parts(expression.strip().lower())
        values = self._values
        alike = values.cropped_weight * parts.cropped + values.placed_weight * parts.placed
        score = np.where(self.eligible(), alike + values.diffusion_weight * parts.diffusion, -np.inf)
        timings["scoring"] = time.perf_counter() - started
        return ranked_answer(self._scene, parse, score.astype(np.float32), timings, alike, parts.diffusion)

    def parts(self, sentence: str) -> Parts:
        """The three scores for a sentence in lower case."""
        values, segmenter = self._values, self._method.segmenter
        subject, token = subject_of(sentence, segmenter.parser.pipeline, self._clip)
        whole, core = F.normalize(segmenter.text.encode([sentence, subject]), dim=-1)
        cropped = self._cropped(side_of(sentence)) @ (values.cropped_sentence * whole + values.cropped_subject * core)
        placed = self._placed @ (values.placed_sentence * whole + values.placed_subject * core)
        attention = torch.from_numpy(self.attention(sentence, token))
        masks = torch.from_numpy(self.proposals.masks)
        inside = guidance_scores(attention, masks, 1.0, 1.0)
        return Parts(*(np.asarray(part.cpu(), np.float32) for part in (cropped, placed, inside)))

    def eligible(self) -> np.ndarray:
        """Which proposals can be the answer, N bool: the largest, without small ones; all where none is left."""
        areas = self.proposals.masks.sum(axis=(1, 2))
        largest = np.zeros(len(areas), bool)
        largest[np.argsort(-areas, kind="stable")[: self._values.largest]] = True
        pixels = self._scene.size[0] * self._scene.size[1]
        found = largest & (areas > self._values.least_share * pixels) & (areas > self._values.least_pixels)
        return found if found.any() else np.ones(len(areas), bool)

    def attention(self, sentence: str, token: int) -> np.ndarray:
        """Where the diffusion model sees a token of the sentence, H×W float64 in [0, 1]."""
        values, diffusion = self._values, self._method.diffusion
        states = diffusion.text_states(["", f"{sentence}, "])
        places = (values.side // CELL) ** 2
        layers = similarities(
            *self._latent,
            lambda latent, moment: diffusion.predict(latent, moment, states, places),
            values.steps,
            values.strength,
            values.guidance,
        )
        return over_image(heat(layers, token, values.guidance), self._scene.size)

    @cached_property
    def _latent(self) -> tuple[Tensor, Tensor]:
        """A latent picture of the image, and the noise for it; the same for every expression."""
        generator = torch.Generator().manual_seed(self._values.seed)
        latent = self._method.diffusion.latent(square_picture(self._scene.image, self._values.side), generator)
        return latent, torch.randn(latent.shape, generator=generator).to(latent.device)

    @cached_property
    def _placed(self) -> Tensor:
        """Unit features of the proposals in their places, N×d float32."""
        clip = self._clip
        pixels = torch.from_numpy(self._scene.image).permute(2, 0, 1).to(clip.device)
        masks = torch.from_numpy(self.proposals.masks).to(clip.device)
        return region_tokens(clip, clip.normalise(pixels), masks)

    def _cropped_tokens(self, side: str) -> Tensor:
        """Unit features of the proposals cut out of the image, darker away from a side, N×d float32."""
        image, clip = faded(self._scene.image, side, self._values.ramp), self._clip
        found = []
        for mask in self.proposals.masks:
            pixels = torch.from_numpy(cut_out(image, mask, clip.input_size)).permute(2, 0, 1)
            found.append(region_tokens(clip, clip.normalise(pixels.to(clip.device))))
        return torch.cat(found)


def build(config: Config, stages: Stages) -> RefDiff:
    """The method on the registry's diffusion model. Raises ConfigError without the extra, WeightsError without it."""
    EXTRA.check()
    from hybridgl_ros.evaluation.methods._diffusion import load_diffusion

    diffusion = load_diffusion(MODEL, config.models.device)
    return RefDiff(stages.segmenter.with_config(config), stages, diffusion, values_for("ref-diff", RefDiffValues))


def subject_of(sentence: str, pipeline: Any, clip: ClipEncoder) -> tuple[str, int]:
    """The first word that is the root or a subject, and which of the sentence's CLIP tokens it ends with."""
    words = (word for word in pipeline(sentence) if any(name in word.dep_ for name in SUBJECTS))
    subject = str(next(words, sentence))
    begins = sentence[: sentence.find(subject) + len(subject)]
    # The tokens before the last one, which ends the text.
    return subject, min(clip.count_tokens(begins), clip.count_tokens(sentence), clip.context_length) - 2


def side_of(sentence: str) -> str:
    """left, right or nothing: whether the letters occur anywhere, as published ("bright" is on the right)."""
    return next((side for side in ("left", "right") if side in sentence), "")


def faded(image: np.ndarray, side: str, ramp: Sequence[int]) -> np.ndarray:
    """H×W×3 that fades to black away from a side; all black for the rest of the width."""
    width = image.shape[1]
    span = width * ramp[0] // ramp[1]
    if not side:
        return image
    factors = np.zeros(width)
    if side == "left":
        factors[:span] = np.linspace(1, 0, span)
    else:
        factors[width - span :] = np.linspace(0, 1, span)
    return image * factors[None, :, None]


def cut_out(image: np.ndarray, mask: np.ndarray, side: int) -> np.ndarray:
    """The image inside a mask on black, cut to its box, its shorter side resized: h×w×3 uint8."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    crop = Image.fromarray((image * mask[..., None])[box].astype(np.uint8))
    short = min(crop.size)
    width, height = (side if length == short else side * length // short for length in crop.size)
    return np.array(crop.resize((width, height), Image.Resampling.BILINEAR))
