"""The only place that knows the order of the steps: image → proposals → scene → answer (§3.1)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hybridgl_ros.checks import check_blocks, make_scene
from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.fusion import region_features
from hybridgl_ros.clip.localisation import localisation_map, map_tokens
from hybridgl_ros.clip.text import TextEncoder, text_ensemble
from hybridgl_ros.config import load_config
from hybridgl_ros.errors import ConfigError, ImageError
from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.language.pipeline import load_pipeline
from hybridgl_ros.language.rules import load_rules
from hybridgl_ros.memory import check_room, refusing_what_does_not_fit, room_on
from hybridgl_ros.models.loading import find_device, load_clip, load_sam
from hybridgl_ros.proposals import ProposalGenerator, proposals_from_masks
from hybridgl_ros.proposals.sam import SamProposals
from hybridgl_ros.scoring import Semantic, fuse, semantic_scores
from hybridgl_ros.settings import Config
from hybridgl_ros.spatial.guidance import divide_by_mean, guidance_scores
from hybridgl_ros.spatial.position import position_map
from hybridgl_ros.threads import use_threads
from hybridgl_ros.types import Answer, Candidate, Parse, Proposals, Scene, Scores

# Bytes a pixel that region features and scoring take at their peak, beside the proposals' masks.
ENCODED_PIXEL = 48


@dataclass(frozen=True)
class Maps:
    """G_co and G of one expression, H×W float32."""

    localisation: Tensor
    guidance: Tensor


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
        parser = ExpressionParser(load_pipeline(models.spacy), load_rules(config.text.rules))
        clip = ClipEncoder(load_clip(models.clip, models.device), dtype)
        return cls(config, SamProposals(load_sam(models.sam, models.device), dtype), clip, parser)

    def with_config(self, config: Config) -> ReferringSegmenter:
        """The same loaded models under other settings. Raises ConfigError when the models would have to change."""
        if config.models != self.config.models or config.text.rules != self.config.text.rules:
            raise ConfigError("other models need a new segmenter")
        return ReferringSegmenter(config, self.generator, self.clip, self.parser, self.text)

    def encode(self, image: np.ndarray, masks: np.ndarray | None = None) -> Scene:
        """All that depends on the image only.

        image: H×W×3 uint8 RGB. masks: N×H×W bool proposals of your own instead of SAM's.
        Raises ImageError for anything else, and for a picture that does not fit into memory.
        """
        check_image(image)
        with refusing_what_does_not_fit((image.shape[0], image.shape[1])):
            return self._encode(image, masks)

    def _encode(self, image: np.ndarray, masks: np.ndarray | None) -> Scene:
        height, width = image.shape[:2]
        check_room(ENCODED_PIXEL * height * width, (height, width), "a description", room_on(self.clip.device))
        timings: dict[str, float] = {}
        with timed(timings, "proposals"):
            if masks is None:
                proposals = self.generator.generate(image, self.config.proposals)
            else:
                proposals = proposals_from_masks(check_masks(masks, image))
        with timed(timings, "features"):
            features = self.features(image, proposals)
        with timed(timings, "localisation"):
            tokens, grid = self.map_tokens(image, proposals)
        return make_scene(image, proposals, features, tokens, grid, timings)

    def features(self, image: np.ndarray, proposals: Proposals) -> Tensor:
        """Region features N×d float32 of the proposals."""
        if not len(proposals):
            return torch.zeros(0, 0, device=self.clip.device)
        return region_features(self.clip, image, proposals.masks, self.config.features)

    def map_tokens(self, image: np.ndarray, proposals: Proposals) -> tuple[Tensor | None, tuple[int, int]]:
        """Patch embeddings of the localisation map and their grid; None when the map is switched off."""
        guidance = self.config.guidance
        if not guidance.coherence or not len(proposals):
            return None, (0, 0)
        return map_tokens(self.clip, image, guidance.map_size, guidance.map_blocks)

    @overload
    def refer(self, scene: Scene, expression: str) -> Answer: ...

    @overload
    def refer(self, scene: Scene, expression: list[str] | tuple[str, ...]) -> list[Answer]: ...

    def refer(self, scene: Scene, expression: str | list[str] | tuple[str, ...]) -> Answer | list[Answer]:
        """The referent of an expression, or of each of several. Raises ExpressionError when one is blank."""
        if isinstance(expression, str):
            return self._answer(scene, expression)
        return [self._answer(scene, one) for one in expression]

    def _answer(self, scene: Scene, expression: str) -> Answer:
        timings = dict(scene.timings)
        with timed(timings, "parse"):
            parse = self.parser.parse(expression)
        notes = (*scene.notes, *self._truncation_note(parse))
        if not len(scene.proposals):
            return nothing_proposed(scene, parse, notes, timings)
        with timed(timings, "scoring"), torch.inference_mode():
            maps = self.maps(scene, parse)
            scores, semantic = self.score(scene, parse, maps)
            candidates = rank(scene, scores)
        if not candidates:
            return nothing_scored(scene, parse, notes, timings)
        best = candidates[0]
        reason = self._rejection(best)
        return Answer(
            found=not reason,
            mask=np.zeros(scene.size, bool) if reason else best.mask,
            score=best.score,
            similarity=best.similarity,
            margin=best.score - candidates[1].score if len(candidates) > 1 else 0.0,
            candidates=candidates,
            parse=parse,
            localisation=None if maps is None else maps.localisation.cpu().numpy(),
            guidance=None if maps is None else maps.guidance.cpu().numpy(),
            reason=reason,
            notes=(*notes, *semantic.notes),
            timings=timings,
        )

    def score(self, scene: Scene, parse: Parse, maps: Maps | None) -> tuple[Scores, Semantic]:
        """Every partial score of every proposal; the scene must have at least one."""
        settings = self.config
        features = F.normalize(scene.features, dim=-1)
        similarity = features @ self._target_feature(parse)
        other = self._other_feature(parse)
        semantic = semantic_scores(
            similarity,
            None if other is None else features @ other,
            torch.from_numpy(scene.proposals.boxes).to(features.device),
            parse,
            settings.relations,
            self.clip.logit_scale,
        )
        guidance = None if maps is None else self._guidance_scores(scene, parse, maps)
        spatial, fused = fuse(semantic, guidance, settings.fusion)
        raw = torch.full_like(fused, float("nan")) if guidance is None else guidance
        vectors = (similarity, semantic.relation, semantic.scores, raw, spatial, fused)
        return Scores(*(vector.float().cpu().numpy() for vector in vectors)), semantic

    def _target_feature(self, parse: Parse) -> Tensor:
        settings = self.config.text
        mixed = text_ensemble(self.text, parse.sentence, parse.target, settings.sentence_weight, settings.normalise)
        return F.normalize(mixed, dim=-1)

    def _other_feature(self, parse: Parse) -> Tensor | None:
        """Unit mean of the other objects' prompts, None when the expression names none."""
        if not parse.others:
            return None
        features = self.text.encode([f"a photo of {phrase}" for phrase in parse.others])
        if self.config.text.normalise:
            features = F.normalize(features, dim=-1)
        return F.normalize(features.mean(dim=0), dim=-1)

    def maps(self, scene: Scene, parse: Parse) -> Maps | None:
        """G_co and G of one expression; None when both kinds of guidance are switched off."""
        settings = self.config.guidance
        if not settings.coherence and not settings.position:
            return None
        height, width = scene.size
        if scene.map_tokens is None:
            localisation = torch.ones(height, width, device=scene.features.device)
        else:
            phrase = self.text.encode([f"a photo of a {parse.target}."])[0]
            localisation = localisation_map(scene.map_tokens, scene.map_grid, phrase, settings.map_size, scene.size)
        known = settings.position and parse.position in settings.positions
        prior = position_map(parse.position if known else "none", height, width, settings.middle)
        return Maps(localisation, localisation * prior.to(localisation.device))

    def _guidance_scores(self, scene: Scene, parse: Parse, maps: Maps) -> Tensor:
        settings = self.config.guidance
        inside, outside = {
            "none": (settings.inside_weight, settings.outside_weight),
            "big": (settings.inside_weight_big, settings.outside_weight_big),
            "small": (settings.inside_weight_small, settings.outside_weight_small),
        }[parse.size]
        guidance = divide_by_mean(maps.guidance) if settings.divide_by_mean else maps.guidance
        masks = torch.from_numpy(scene.proposals.masks).to(guidance.device)
        return guidance_scores(guidance, masks, inside, outside)

    def _truncation_note(self, parse: Parse) -> tuple[str, ...]:
        if self.text.is_truncated(parse.sentence):
            return (f"the expression was cut to the text model's {self.clip.context_length} tokens",)
        return ()

    def _rejection(self, best: Candidate) -> str:
        """Why the best candidate does not count as found; empty when it does."""
        settings = self.config.fusion
        if best.score < settings.score_threshold:
            return f"best score {best.score:.3f} is below the threshold {settings.score_threshold:g}"
        if best.similarity < settings.similarity_threshold:
            return f"best similarity {best.similarity:.3f} is below the threshold {settings.similarity_threshold:g}"
        return ""


def rank(scene: Scene, scores: Scores) -> tuple[Candidate, ...]:
    """The proposals that may be the answer, best first; the earlier proposal wins a tie."""
    order = np.argsort(-scores.fused, kind="stable")
    return tuple(
        Candidate(
            index=int(i),
            mask=scene.proposals.masks[i],
            box=box_tuple(scene.proposals.boxes[i]),
            score=float(scores.fused[i]),
            similarity=float(scores.similarity[i]),
            relation=float(scores.relation[i]),
            semantic=float(scores.semantic[i]),
            guidance=float(scores.guidance[i]),
            spatial=float(scores.spatial[i]),
        )
        for i in order
        if np.isfinite(scores.fused[i])
    )


def box_tuple(box: np.ndarray) -> tuple[float, float, float, float]:
    x, y, width, height = map(float, box)
    return x, y, width, height


def nothing_scored(scene: Scene, parse: Parse, notes: tuple[str, ...], timings: dict[str, float]) -> Answer:
    """No score of any proposal is a finite number."""
    reason = "nothing found: no proposal has a finite score; the models or their dtype do not suit the input"
    return replace(nothing_proposed(scene, parse, notes, timings), reason=reason)


def nothing_proposed(scene: Scene, parse: Parse, notes: tuple[str, ...], timings: dict[str, float]) -> Answer:
    return Answer(
        found=False,
        mask=np.zeros(scene.size, bool),
        score=0.0,
        similarity=0.0,
        margin=0.0,
        candidates=(),
        parse=parse,
        reason="nothing found: the image has no mask proposals",
        notes=notes,
        timings=timings,
    )


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


@contextmanager
def timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - started
