"""CaR (Sun et al., CLIP as RNN: Segment Countless Visual Concepts without Training Endeavor, CVPR 2024).

CLIP draws a map for every text; a CLIP that sees the place of the map circled in red says which texts belong to the
picture; those that do not are left out, and again, until none is left out. A dense CRF makes masks of the maps. It uses
no proposals. One expression is one text, of which nothing can be left out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hybridgl_ros.evaluation.methods._car_maps import AttendedImage, attended, embed, pixels_of, projected
from hybridgl_ros.evaluation.methods._crf import CrfValues, DenseCrf
from hybridgl_ros.evaluation.methods._pictures import input_picture
from hybridgl_ros.evaluation.methods._resnet import NO_MAPS
from hybridgl_ros.evaluation.methods._values import values_for
from hybridgl_ros.evaluation.stages import Stages
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.settings import Config
from hybridgl_ros.types import Answer

SETTINGS = NO_MAPS
RED = (255, 0, 0)
DROPPED_SIGNS = str.maketrans("", "", '"/')
MEANT = 0.5


@dataclass(frozen=True)
class CarValues:
    """The `car` section of methods.yaml."""

    background: Sequence[str]
    template: str
    classifier_templates: Sequence[str]
    box_threshold: float
    circle_threshold: float
    score_threshold: float
    attention_blocks: int
    crf: Mapping[str, Any]
    least_area: float


@dataclass(frozen=True)
class Round:
    """One round over T texts: their numbers, their scores T float32 and their maps T×H×W float32."""

    texts: list[int]
    scores: np.ndarray
    maps: np.ndarray


class ClipAsRnn:
    """segmenter: parses; its CLIP draws and judges. values: the published ones, `CarValues`."""

    def __init__(self, segmenter: ReferringSegmenter, values: CarValues) -> None:
        segmenter.clip.require_own_blocks("CLIP as RNN")
        self.segmenter, self.values, self.clip = segmenter, values, segmenter.clip

    def encode(self, image: np.ndarray) -> EncodedCar:
        return EncodedCar(self, image)

    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Unit features T×d float32."""
        # A copy, since gradients pass through what is multiplied with them.
        return F.normalize(self.segmenter.text.encode(texts).clone(), dim=-1)

    @cached_property
    def background(self) -> Tensor:
        """Unit features of what is there beside the expression."""
        return self.text_features([self.values.template.format(name) for name in self.values.background])

    def probabilities(self, pictures: list[Image.Image], texts: Sequence[str]) -> np.ndarray:
        """Which of T texts each of T pictures shows, T×T float32; by the tokens before the last block, as published."""
        clip, values = self.clip, self.values
        with torch.no_grad(), clip.autocast():
            tokens = embed(clip, pixels_of(clip, [input_picture(picture, clip.input_size) for picture in pictures]))
            for block in clip.blocks[:-1]:
                tokens, _ = attended(block, tokens)
            features = F.normalize(projected(clip, clip.visual.ln_post(tokens)[:, 0]).float(), dim=-1)
        with torch.no_grad():
            logits = [
                clip.logit_scale * features @ self.text_features([template.format(text) for text in texts]).T
                for template in values.classifier_templates
            ]
            return torch.stack([entry.softmax(dim=-1) for entry in logits]).sum(dim=0).softmax(dim=-1).cpu().numpy()


class EncodedCar:
    """One image. proposals: none, the masks are the method's own."""

    proposals = None

    def __init__(self, method: ClipAsRnn, image: np.ndarray) -> None:
        self._method, self._image = method, image
        started = time.perf_counter()
        self._attended = AttendedImage(method.clip, image, method.values.attention_blocks)
        self._crf = DenseCrf(image, CrfValues(**method.values.crf))
        self._timings = {"features": time.perf_counter() - started}

    def refer(self, expression: str) -> Answer:
        parse = self._method.segmenter.parser.parse(expression)
        started = time.perf_counter()
        # One text's score is 1 whatever the picture shows.
        mask, _ = self.segment([plain_text(parse.sentence)])
        return Answer(
            found=bool(mask.any()),
            mask=mask,
            score=math.nan,
            similarity=math.nan,
            margin=math.nan,
            candidates=(),
            parse=parse,
            timings={**self._timings, "scoring": time.perf_counter() - started},
            reason="" if mask.any() else "CLIP sees the expression nowhere",
        )

    def segment(self, texts: Sequence[str]) -> tuple[np.ndarray, float]:
        """One mask (H×W bool) for texts that all mean the same, and the best of their scores."""
        last = self.rounds(texts)[-1]
        masks = self.masks(last.maps)
        return merged(masks, last.scores, self._method.values.least_area), float(last.scores.max())

    def rounds(self, texts: Sequence[str]) -> list[Round]:
        """Texts that the picture does not show are left out, until every one that is left is shown."""
        kept, found = list(range(len(texts))), list[Round]()
        while not found or len(kept) < len(found[-1].texts) or len(found) == 1:
            # The first round looks for the text itself, the others for the sentence about it, as published.
            template = self._method.values.template if found else "{}"
            maps = np.stack([self.map(template.format(texts[number])) for number in kept])
            scores = self.scores(maps, [texts[number] for number in kept])
            if not maps.any() and found:
                maps = found[-1].maps[[found[-1].texts.index(number) for number in kept]]
            found.append(Round(kept, scores, maps))
            passing = [number for number, score in zip(kept, scores) if score > self._method.values.score_threshold]
            kept = passing or [kept[int(scores.argmax())]]
        return found

    def map(self, text: str) -> np.ndarray:
        """Where a text lies, H×W float32 in [0, 1]; all 0 where CLIP sees it nowhere."""
        features = torch.cat([self._method.text_features([text]), self._method.background])
        activation = self._attended.activation(features)
        return self._attended.refined(activation, self._method.values.box_threshold)

    def scores(self, maps: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """How sure the circled picture of each text is that it shows this one and none of the others, T float32."""
        if len(texts) == 1:
            return np.ones(1, np.float32)
        threshold = self._method.values.circle_threshold
        return np.diagonal(self._method.probabilities([circled(self._image, m, threshold) for m in maps], texts))

    def masks(self, maps: np.ndarray) -> np.ndarray:
        """T×H×W maps → bool masks."""
        return np.stack([self._crf.refine(found) > MEANT for found in maps])


def build(config: Config, stages: Stages) -> ClipAsRnn:
    return ClipAsRnn(stages.segmenter.with_config(config), values_for("car", CarValues))


def plain_text(sentence: str) -> str:
    """Lower case without the signs that the authors take out."""
    return sentence.lower().translate(DROPPED_SIGNS)


def circled(image: np.ndarray, found: np.ndarray, threshold: float) -> Image.Image:
    """The picture with a red ellipse around what a map H×W shows; the picture alone where it shows nothing."""
    mask = found > threshold
    if found.sum() <= 1 or not mask.any():
        return Image.fromarray(image)
    rows, columns = np.nonzero(mask)
    centre = int(columns.mean()), int(rows.mean())
    axes = int(columns.max() - columns.min() + 1) // 2, int(rows.max() - rows.min() + 1) // 2
    return Image.fromarray(cv2.ellipse(image.copy(), centre, axes, 0, 0, 360, RED, 1))


def merged(masks: np.ndarray, scores: np.ndarray, least_area: float) -> np.ndarray:
    """Where most of T×H×W bool masks, weighted by their scores, agree; where any does, if that is too little."""
    mean = np.tensordot(scores / scores.sum(), masks.astype(np.float32), 1)
    agreed = np.asarray(mean >= MEANT)
    return np.asarray(masks.any(axis=0)) if agreed.mean() <= least_area else agreed
