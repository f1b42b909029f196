"""The only place that knows the order of the steps: image → proposals → scene → answer (§3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from hybridgl_ros.cascade import answer_on_shortlist, rough_features
from hybridgl_ros.checks import check_blocks, make_scene
from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.fusion import region_features
from hybridgl_ros.clip.localisation import map_tokens
from hybridgl_ros.clip.text import TextEncoder
from hybridgl_ros.config import load_config
from hybridgl_ros.errors import ConfigError, ImageError
from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.language.pipeline import complete, later_pipeline, load_pipeline
from hybridgl_ros.language.query import Query, Reading
from hybridgl_ros.language.reader import QueryParser
from hybridgl_ros.language.rules import load_rules
from hybridgl_ros.language.vocabulary import load_vocabulary
from hybridgl_ros.memory import check_room, refusing_what_does_not_fit, room_on
from hybridgl_ros.models.loading import find_device, load_clip, load_sam
from hybridgl_ros.progress import Progress, unwatched
from hybridgl_ros.proposals import ProposalGenerator, proposals_from_masks
from hybridgl_ros.proposals.sam import SamProposals
from hybridgl_ros.scorers import Expression, Scorer, timed
from hybridgl_ros.scorers.fusion import FusionScorer, Maps
from hybridgl_ros.scorers.query import QueryScorer
from hybridgl_ros.scoring import Semantic
from hybridgl_ros.settings import Config
from hybridgl_ros.threads import use_threads
from hybridgl_ros.types import Answer, Parse, Proposals, Scene, Scores

# Bytes a pixel that region features and scoring take at their peak, beside the proposals' masks.
ENCODED_PIXEL = 48


class ReferringSegmenter:
    """Finds what an expression refers to.

    Example:
        segmenter = ReferringSegmenter.from_config("embedded")
        scene = segmenter.encode(image)
        answer = segmenter.refer(scene, "the red mug on the left")
    """

    def __init__(
        self,
        config: Config,
        generator: ProposalGenerator,
        clip: ClipEncoder,
        parser: ExpressionParser,
        text: TextEncoder | None = None,
    ) -> None:
        check_blocks(config, len(clip.blocks))
        self.config = config
        self.generator = generator
        self.clip = clip
        self.parser = parser
        self.text = text or TextEncoder(clip)
        self.fusion = FusionScorer(config, clip, self.text, parser)

    @cached_property
    def scorer(self) -> Scorer:
        """What `scoring.method` names."""
        if self.config.scoring.method == "query":
            return QueryScorer(
                self.config, self.clip, self.text, QueryParser(self.parser.pipeline, load_vocabulary()).read
            )
        return self.fusion

    @classmethod
    def from_config(
        cls,
        source: str | Path = "embedded",
        *,
        preset: str | None = None,
        device: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ReferringSegmenter:
        """Load the models a configuration names; see `load_config` for the arguments.

        Raises ConfigError for a bad configuration, WeightsError when weights are missing or damaged.
        """
        changes = dict(overrides or {})
        if device is not None:
            changes["models.device"] = device
        return cls.load(load_config(source, preset=preset, overrides=changes))

    @classmethod
    def load(cls, config: Config) -> ReferringSegmenter:
        """Load the models of a configuration, and let torch use as many threads as it says.

        Raises ConfigError for a device that is not there, before anything is loaded, or for settings that do not fit
        the models; WeightsError when weights are missing or damaged.
        """
        models = config.models
        find_device(models.device)
        use_threads(models.threads)
        dtype = getattr(torch, models.dtype)
        # A query wants the pipeline only for words that its vocabulary does not know.
        pipeline = (later_pipeline if config.scoring.method == "query" else load_pipeline)(models.spacy)
        parser = ExpressionParser(pipeline, load_rules(config.text.rules))
        clip = ClipEncoder(load_clip(models.clip, models.device, dtype))
        return cls(config, SamProposals(load_sam(models.sam, models.device, dtype)), clip, parser)

    def with_config(self, config: Config) -> ReferringSegmenter:
        """The same loaded models under other settings. Raises ConfigError when the models would have to change."""
        if config.models != self.config.models or config.text.rules != self.config.text.rules:
            raise ConfigError("other models need a new segmenter")
        return ReferringSegmenter(config, self.generator, self.clip, self.parser, self.text)

    def complete(self) -> None:
        """Load what only some expressions need, now rather than with the first of them."""
        complete(self.parser.pipeline)

    def encode(
        self,
        image: np.ndarray,
        masks: np.ndarray | None = None,
        depth: np.ndarray | None = None,
        intrinsics: np.ndarray | None = None,
        progress: Progress = unwatched,
    ) -> Scene:
        """All that depends on the image only.

        image: H×W×3 uint8 RGB. masks: N×H×W bool proposals of your own instead of SAM's. depth: H×W metres along the
        optical axis, NaN, 0 and less = unknown; intrinsics: the 3×3 pinhole matrix of both. `scoring.method: query`
        uses them where there are any. progress: called with proposals, features and localisation as they begin, and
        before each of their batches. Raises ImageError for anything else, and for a picture that does not fit into
        memory (OutOfMemoryError when that turned out in the middle).
        """
        check_image(image)
        depth = None if depth is None else check_depth(depth, image)
        intrinsics = None if intrinsics is None else check_intrinsics(intrinsics)
        with refusing_what_does_not_fit((image.shape[0], image.shape[1])):
            scene = self._encode(image, masks, progress)
        return replace(scene, depth=depth, intrinsics=intrinsics)

    def _encode(self, image: np.ndarray, masks: np.ndarray | None, progress: Progress) -> Scene:
        height, width = image.shape[:2]
        check_room(ENCODED_PIXEL * height * width, (height, width), "a description", room_on(self.clip.device))
        timings: dict[str, float] = {}
        with timed(timings, "proposals", progress):
            if masks is None:
                proposals = self.generator.generate(image, self.config.proposals, progress)
            else:
                proposals = proposals_from_masks(check_masks(masks, image))
        with timed(timings, "features", progress):
            features = self.features(image, proposals, progress)
        with timed(timings, "localisation", progress):
            tokens, grid = self.map_tokens(image, proposals)
        return make_scene(image, proposals, features, tokens, grid, timings)

    def features(self, image: np.ndarray, proposals: Proposals, progress: Progress = unwatched) -> Tensor:
        """Region features N×d float32 of the proposals; rough ones with `features.shortlist`."""
        if not len(proposals):
            return torch.zeros(0, 0, device=self.clip.device)
        if self.config.features.shortlist:
            return rough_features(self.clip, image, proposals.masks, self.config.features)
        return region_features(self.clip, image, proposals.masks, self.config.features, progress)

    def map_tokens(self, image: np.ndarray, proposals: Proposals) -> tuple[Tensor | None, tuple[int, int]]:
        """Patch embeddings of the localisation map and their grid; None when the map is switched off."""
        guidance = self.config.guidance
        if not guidance.coherence or not len(proposals):
            return None, (0, 0)
        return map_tokens(self.clip, image, guidance.map_size, guidance.map_blocks)

    @overload
    def refer(self, scene: Scene, expression: Expression, progress: Progress = ...) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    def refer(self, scene: Scene, expression: Sequence[Expression], progress: Progress = ...) -> list[Answer]: ...

    def refer(
        self, scene: Scene, expression: Expression | Sequence[Expression], progress: Progress = unwatched
    ) -> Answer | list[Answer]:
        """What an expression refers to, or each of several.

        An expression is a text or, with `scoring.method: query`, a `Query` or a `Reading` of your own.
        progress: called with parse and scoring as they begin; with `features.shortlist` also with features, before
        each batch of proposals that are described for the expression.
        Raises ExpressionError when one is blank, or is no text and cannot be used.
        """
        if not isinstance(expression, (str, Query, Reading)):
            if self.config.features.shortlist:
                return [self._refer_on_shortlist(scene, one, progress) for one in expression]
            return self.scorer.answers(scene, expression, progress)
        if self.config.features.shortlist:
            return self._refer_on_shortlist(scene, expression, progress)
        return self.scorer.answer(scene, expression, progress)

    def _refer_on_shortlist(self, scene: Scene, expression: Expression, progress: Progress) -> Answer:
        def describe(image: np.ndarray, masks: np.ndarray) -> Tensor:
            return region_features(self.clip, image, masks, self.config.features, progress)

        return answer_on_shortlist(
            scene,
            self.config.features.shortlist,
            lambda some: self.scorer.answer(some, expression, progress),
            describe,
        )

    def maps(self, scene: Scene, parse: Parse) -> Maps | None:
        """G_co and G of one expression; None when both kinds of guidance are switched off."""
        return self.fusion.maps(scene, parse)

    def score(self, scene: Scene, parse: Parse, maps: Maps | None) -> tuple[Scores, Semantic]:
        """Every partial score of every proposal (Eq. 3–9); the scene must have at least one."""
        return self.fusion.score(scene, parse, maps)


def check_image(image: np.ndarray) -> None:
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ImageError(f"wants a height × width × 3 uint8 RGB image, got {got}")
    if 0 in image.shape:
        raise ImageError(f"the image has no pixels: {image.shape}")


def check_masks(masks: np.ndarray, image: np.ndarray) -> np.ndarray:
    masks = np.asarray(masks)
    if masks.ndim != 3 or masks.dtype != bool or masks.shape[1:] != image.shape[:2]:
        raise ImageError(f"wants N × {image.shape[0]} × {image.shape[1]} bool masks, got {masks.dtype} {masks.shape}")
    return masks


def check_depth(depth: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Depth as float32 with NaN where it is not known."""
    depth = np.asarray(depth)
    if depth.shape != image.shape[:2] or depth.dtype.kind != "f":
        raise ImageError(
            f"wants {image.shape[0]} × {image.shape[1]} metres of depth as floats, got {depth.dtype} {depth.shape}"
        )
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.nan).astype(np.float32)


def check_intrinsics(intrinsics: np.ndarray) -> np.ndarray:
    matrix = np.asarray(intrinsics, np.float64)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
        raise ImageError(f"wants a 3 × 3 pinhole matrix with positive focal lengths, got {matrix.tolist()}")
    return matrix
