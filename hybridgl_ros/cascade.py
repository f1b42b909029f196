"""Region features only for the proposals that can still win: a shortlist per expression from cheap features of all.

One pass of the untouched picture describes every proposal roughly. What an expression's answer ranks first by these is
described in full, once a proposal, and the answer is sought again, until all it ranks first are described. The others
stay in the scene as they are known roughly: ranks, relations and normalisations see all proposals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.views import Views
from hybridgl_ros.settings import FeatureSettings
from hybridgl_ros.types import Answer, Scene

Describe = Callable[[np.ndarray, np.ndarray], Tensor]
"""(image H×W×3 uint8, masks N×H×W bool) → features N×d float32."""


def rough_features(clip: ClipEncoder, image: np.ndarray, masks: np.ndarray, settings: FeatureSettings) -> Tensor:
    """Features N×d float32 of N masks, none empty: from the start block on, the picture has a class token for each.

    Each sees itself and the image tokens of its mask, as in the global branch (§3.2); nobody sees it. All masks
    together cost little more than one picture.
    """
    with torch.inference_mode(), clip.autocast():
        views = Views(clip, image, settings)
        coverage = views.coverage(torch.from_numpy(masks).to(clip.device)) > 0
        start = min(settings.start_block, len(clip.blocks) - 1)
        tokens = clip.run(clip.embed(views.whole()), 0, start)
        count, length = len(masks), tokens.shape[1]
        tokens = torch.cat([tokens[:, :1].expand(-1, count, -1), tokens], dim=1)
        sees = torch.zeros(1, count + length, count + length, dtype=torch.bool, device=clip.device)
        sees[0].fill_diagonal_(True)
        sees[:, :count, count + 1 :] = coverage
        sees[:, count:, count:] = True
        for block in clip.blocks[start:-1]:
            tokens = block.rows(tokens, slice(None), sees)
        last = clip.blocks[-1].rows(tokens, slice(count), sees[:, :count])
        return clip.project(last)[0].float()


def answer_on_shortlist(scene: Scene, length: int, answer: Callable[[Scene], Answer], describe: Describe) -> Answer:
    """The answer whose first `length` candidates, and the landmarks it names, are described in full.

    scene: with rough features. What is described is remembered; an answer does not depend on the expressions before.
    """
    chosen: set[int] = set(range(len(scene.proposals))) if len(scene.proposals) <= length else set()
    while True:
        found = answer(described_in_part(scene, sorted(chosen), describe))
        first = {entry.index for entry in (*found.candidates[:length], *found.landmarks)}
        if first <= chosen:
            return found
        chosen |= first


def described_in_part(scene: Scene, chosen: list[int], describe: Describe) -> Scene:
    """The scene with region features of some proposals, and rough ones of the others."""
    known: dict[int, Tensor] = scene.memory.setdefault(described_in_part, {})
    missing = [place for place in chosen if place not in known]
    if missing:
        known.update(zip(missing, describe(scene.image, scene.proposals.masks[missing])))
    features = scene.features.clone()
    for place in chosen:
        features[place] = known[place]
    return replace(scene, features=features)
