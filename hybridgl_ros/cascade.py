"""Region features only for the proposals that can still win: a shortlist per expression from cheap dense features.

One dense pass of the picture gives tokens (the localisation map's, §3.3), whose mean inside a mask describes a proposal
roughly. An expression's shortlist is described in full, once a proposal, and answered on the shortlist alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.localisation import map_tokens
from hybridgl_ros.settings import GuidanceSettings
from hybridgl_ros.spatial.weights import mask_weights
from hybridgl_ros.types import Answer, Candidate, Scene

Describe = Callable[[np.ndarray, np.ndarray], Tensor]
"""(image H×W×3 uint8, masks N×H×W bool) → features N×d float32."""


def rough_features(clip: ClipEncoder, image: np.ndarray, masks: np.ndarray, settings: GuidanceSettings) -> Tensor:
    """Features N×d float32 of N masks, none empty: the mean of the dense tokens inside each."""
    tokens, grid = map_tokens(clip, image, settings.map_size, settings.map_blocks)
    weights = mask_weights(masks, grid, settings.map_size)
    return (weights.inside / weights.area[:, None]).float().to(tokens.device) @ tokens


def answer_on_shortlist(
    scene: Scene,
    length: int,
    answer: Callable[[Scene], Answer],
    others: Callable[[Answer], Tensor | None],
    describe: Describe,
) -> Answer:
    """The answer among the best `length` proposals by rough features, and as many for what they stand in relation to.

    scene: with rough features. others: how well all N proposals fit the other objects of a rough answer's expression,
    N float32, None when there are none. Its candidates are those of the shortlist.
    """
    if len(scene.proposals) <= length:
        chosen = list(range(len(scene.proposals)))
    else:
        rough = answer(scene)
        chosen = [entry.index for entry in (*rough.candidates[:length], *rough.landmarks)]
        fit = others(rough)
        if fit is not None:
            chosen += fit.topk(length).indices.tolist()
    places = tuple(sorted(set(chosen)))
    return in_whole(answer(shortlisted(scene, places, describe)), places)


def shortlisted(scene: Scene, places: tuple[int, ...], describe: Describe) -> Scene:
    """The scene of some proposals with their region features; what is described is remembered."""
    key = (shortlisted, places)
    if key not in scene.memory:
        known: dict[int, Tensor] = scene.memory.setdefault(shortlisted, {})
        missing = [place for place in places if place not in known]
        if missing:
            known.update(zip(missing, describe(scene.image, scene.proposals.masks[missing])))
        kept = np.zeros(len(scene.proposals), bool)
        kept[list(places)] = True
        features = torch.stack([known[place] for place in places]) if places else scene.features[:0]
        scene.memory[key] = replace(scene, proposals=scene.proposals.only(kept), features=features, memory={})
    return scene.memory[key]


def in_whole(answer: Answer, places: tuple[int, ...]) -> Answer:
    """An answer on a shortlist with its candidates' indices among all proposals."""

    def moved(entries: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        return tuple(replace(entry, index=places[entry.index]) for entry in entries)

    candidates = moved(answer.candidates)
    own = {entry.index: entry for entry in candidates}
    objects = tuple(own[places[entry.index]] for entry in answer.objects)
    return replace(answer, candidates=candidates, objects=objects)
