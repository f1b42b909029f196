"""The paper's way: similarity, relation and guidance of every proposal, fused by Eq. 9."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.localisation import LocalisationMap, localisation_map
from hybridgl_ros.clip.text import TextEncoder, text_ensemble
from hybridgl_ros.errors import ExpressionError
from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.progress import Progress, unwatched
from hybridgl_ros.scorers import Expression, nothing_proposed, timed
from hybridgl_ros.scoring import Semantic, fuse, semantic_scores
from hybridgl_ros.settings import Config
from hybridgl_ros.spatial.guidance import contrast, unit_mean
from hybridgl_ros.spatial.position import position_map
from hybridgl_ros.spatial.weights import MaskWeights, mask_weights
from hybridgl_ros.types import Answer, Candidate, Parse, Scene, Scores


@dataclass(frozen=True)
class Maps:
    """G_co and the position prior of one expression; at the picture's size only when somebody looks at them."""

    coarse: LocalisationMap
    position: str
    middle: str

    @cached_property
    def localisation(self) -> Tensor:
        """G_co, H×W float32."""
        return self.coarse.enlarged()

    @cached_property
    def guidance(self) -> Tensor:
        """G = G_co ⊙ G_pos, H×W float32."""
        return self.localisation * position_map(self.position, *self.coarse.image_size, self.middle)


class FusionScorer:
    """Ranks the proposals by Eq. 9."""

    def __init__(self, config: Config, clip: ClipEncoder, text: TextEncoder, parser: ExpressionParser) -> None:
        self.config = config
        self.clip = clip
        self.text = text
        self.parser = parser

    def answers(self, scene: Scene, expressions: Sequence[Expression], progress: Progress = unwatched) -> list[Answer]:
        """The best proposal of each; the text tower reads all of them at once. Raises as `answer`."""
        progress("parse")
        parses = self.parser.parse_all([one for one in expressions if isinstance(one, str)])
        if len(scene.proposals):
            progress("scoring")
            self.text.encode([text for parse in parses for text in self._texts(parse)])
        return [self.answer(scene, one, progress) for one in expressions]

    def _texts(self, parse: Parse) -> tuple[str, ...]:
        """All that the text tower is asked for one expression."""
        mapped = (map_prompt(parse),) if self.config.guidance.coherence else ()
        return (parse.sentence, parse.target, *other_prompts(parse), *mapped)

    def answer(self, scene: Scene, expression: Expression, progress: Progress = unwatched) -> Answer:
        """The best proposal. Raises ExpressionError for anything but a text that is not blank."""
        if not isinstance(expression, str):
            raise ExpressionError("scoring.method fusion reads texts; a Query needs scoring.method query")
        timings = dict(scene.timings)
        with timed(timings, "parse", progress):
            parse = self.parser.parse(expression)
        notes = (*scene.notes, *self._truncation_note(parse))
        if not len(scene.proposals):
            return nothing_proposed(scene, parse, notes, timings)
        with timed(timings, "scoring", progress), torch.inference_mode():
            self.text.encode(self._texts(parse))
            maps = self.maps(scene, parse)
            scores, semantic = self.score(scene, parse, maps)
            answer = ranked_answer(scene, parse, scores, timings, (*notes, *semantic.notes))
        if not answer.found:
            return answer
        reason = self._rejection(answer.candidates[0])
        mask = np.zeros(scene.size, bool) if reason else answer.mask
        return replace(answer, found=not reason, mask=mask, maps=maps, reason=reason)

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
        features = self.text.encode(other_prompts(parse))
        if self.config.text.normalise:
            features = F.normalize(features, dim=-1)
        return F.normalize(features.mean(dim=0), dim=-1)

    def maps(self, scene: Scene, parse: Parse) -> Maps | None:
        """G_co and G of one expression; None when both kinds of guidance are switched off."""
        settings = self.config.guidance
        if not settings.coherence and not settings.position:
            return None
        if scene.map_tokens is None:
            coarse = LocalisationMap(torch.ones(1, 1, dtype=torch.float64), 1, scene.size)
        else:
            phrase = self.text.encode([map_prompt(parse)])[0]
            coarse = localisation_map(scene.map_tokens, scene.map_grid, phrase, settings.map_size, scene.size)
        known = settings.position and parse.position in settings.positions
        return Maps(coarse, parse.position if known else "none", settings.middle)

    def _guidance_scores(self, scene: Scene, parse: Parse, maps: Maps) -> Tensor:
        settings = self.config.guidance
        inside_weight, outside_weight = {
            "none": (settings.inside_weight, settings.outside_weight),
            "big": (settings.inside_weight_big, settings.outside_weight_big),
            "small": (settings.inside_weight_small, settings.outside_weight_small),
        }[parse.size]
        weights = self._mask_weights(scene, maps)
        values = maps.coarse.values.flatten()
        inside, total = weights.inside @ values, weights.total @ values
        scale = unit_mean(total, weights.pixels) if settings.divide_by_mean else 1.0
        scores = contrast(scale * inside, scale * total, weights.area, weights.pixels, inside_weight, outside_weight)
        return scores.float().to(scene.features.device)

    def _mask_weights(self, scene: Scene, maps: Maps) -> MaskWeights:
        """What the map's cells weigh in the masks, computed when a scene's first expression with such a prior comes."""
        rows, columns = maps.coarse.values.shape
        grid = rows, columns
        known: dict[str, MaskWeights] = scene.memory.setdefault(
            (MaskWeights, grid, maps.coarse.square, maps.middle), {}
        )
        if maps.position not in known:
            known.update(mask_weights(scene.proposals.masks, grid, maps.coarse.square, maps.position, maps.middle))
        return known[maps.position]

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


def map_prompt(parse: Parse) -> str:
    """What the localisation map is asked (§3.3)."""
    return f"a photo of a {parse.target}."


def other_prompts(parse: Parse) -> list[str]:
    """What CLIP is asked of the other objects."""
    return [f"a photo of {phrase}" for phrase in parse.others]


def ranked_answer(
    scene: Scene, parse: Parse, scores: Scores, timings: dict[str, float], notes: tuple[str, ...] = ()
) -> Answer:
    """The proposal with the highest fused score, the earlier one on a tie; none where no score is a finite number."""
    candidates = rank(scene, scores)
    if not candidates:
        return nothing_scored(scene, parse, notes, timings)
    best = candidates[0]
    return Answer(
        found=True,
        mask=best.mask,
        score=best.score,
        similarity=best.similarity,
        margin=margin_of(candidates),
        candidates=candidates,
        parse=parse,
        notes=notes,
        timings=timings,
    )


def rank(scene: Scene, scores: Scores) -> tuple[Candidate, ...]:
    """The proposals that may be the answer, best first; the earlier proposal wins a tie."""
    order = np.argsort(-scores.fused, kind="stable")
    order = order[np.isfinite(scores.fused[order])]
    columns = (scores.fused, scores.similarity, scores.relation, scores.semantic, scores.guidance, scores.spatial)
    partial = zip(*(values[order].tolist() for values in columns))
    boxes = scene.proposals.boxes[order].tolist()
    return tuple(
        Candidate(index, scene.proposals.masks[index], (x, y, width, height), *values)
        for index, (x, y, width, height), values in zip(order.tolist(), boxes, partial)
    )


def margin_of(candidates: tuple[Candidate, ...]) -> float:
    """The best one's lead over the runner-up; 0 without one."""
    return candidates[0].score - candidates[1].score if len(candidates) > 1 else 0.0


def nothing_scored(scene: Scene, parse: Parse, notes: tuple[str, ...], timings: dict[str, float]) -> Answer:
    """No score of any proposal is a finite number."""
    reason = "nothing found: no proposal has a finite score; the models or their dtype do not suit the input"
    return replace(nothing_proposed(scene, parse, notes, timings), reason=reason)
