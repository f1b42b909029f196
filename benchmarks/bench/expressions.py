"""Rows 7 and 8: further expressions on an encoded scene, CLIP ViT-B/16 with seeded weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.localisation import map_tokens
from hybridgl_ros.config import load_config
from hybridgl_ros.language.parser import ExpressionParser
from hybridgl_ros.language.pipeline import load_pipeline
from hybridgl_ros.language.rules import load_rules
from hybridgl_ros.proposals import proposals_from_masks
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.types import Scene

from . import plain
from .rows import Row, interleaved
from .scenes import clip_b16, expressions, scene

SIZES = {"640×480": (640, 480), "1080p": (1920, 1080), "12 MP": (4000, 3000)}
TOGETHER = 32
# Expressions one after the other of ours to one of the plain way's, whose big products leave the caches cold.
BURST = 4
LIMIT = 0.030
TOLERANCE = 1e-4
PLAIN = "the plain way"


class NoProposals:
    """The scenes bring their masks."""

    def generate(self, image: np.ndarray, settings: Any, progress: Any = None) -> Any:
        raise AssertionError("the masks are given")


def make_segmenter(clip: ClipEncoder, preset: str, **overrides: Any) -> ReferringSegmenter:
    config = load_config("photo", preset=preset, overrides=overrides)
    parser = ExpressionParser(load_pipeline(config.models.spacy), load_rules(config.text.rules))
    return ReferringSegmenter(config, NoProposals(), clip, parser)


def make_scene(clip: ClipEncoder, image: np.ndarray, masks: np.ndarray) -> Scene:
    """An encoded scene whose region features are random: expressions do not care how they were made."""
    settings = plain.SETTINGS.guidance
    tokens, grid = map_tokens(clip, image, settings.map_size, settings.map_blocks)
    features = torch.randn(len(masks), tokens.shape[1], generator=torch.Generator().manual_seed(0)).to(clip.device)
    return Scene(image, proposals_from_masks(masks), features, tokens, grid)


def forget(segmenter: ReferringSegmenter) -> None:
    """Every expression is a new one."""
    segmenter.text._features = {}
    segmenter.parser._known = {}


def ask(segmenter: ReferringSegmenter, encoded: Scene, expression: str) -> None:
    forget(segmenter)
    segmenter.refer(encoded, expression)


def rows(device: str = "cpu", quick: bool = False) -> Iterator[Row]:
    """One comparison after the other; quick: fewer sizes and rounds."""
    clip, rounds = clip_b16(device), 1 if quick else 3
    with torch.inference_mode():
        for size in list(SIZES)[: 1 if quick else None]:
            image, masks = scene(*SIZES[size])
            encoded = make_scene(clip, image, masks)
            yield from single_rows(clip, size, image, masks, encoded, rounds)
            if size == "640×480":
                yield from together_rows(clip, encoded, rounds)


def single_rows(
    clip: ClipEncoder, size: str, image: np.ndarray, masks: np.ndarray, encoded: Scene, rounds: int
) -> Iterator[Row]:
    fusion, query = make_segmenter(clip, "paper"), make_segmenter(clip, "robot")
    asked = iter(expressions((2 * BURST + 1) * (rounds + 1) + 1))
    # The first of a scene weighs the masks and finds the objects.
    for place in ("", "on the left", "on the right", "in the middle", "above the ball"):
        fusion.refer(encoded, f"the mug {place}")
    query.refer(encoded, "the mug")
    parse = fusion.parser.parse(next(asked))
    wanted, _ = plain.guidance(clip, image, masks, parse)
    scores, _ = fusion.score(encoded, parse, fusion.maps(encoded, parse))
    error = float(np.abs(scores.guidance - wanted).max())

    def once() -> None:
        parse = fusion.parser.parse(next(asked))
        found, (sentence, target) = plain.guidance(clip, image, masks, parse)
        mixed = F.normalize(F.normalize(sentence, dim=-1) + F.normalize(target, dim=-1), dim=-1)
        semantic = torch.softmax(clip.logit_scale * F.normalize(encoded.features, dim=-1) @ mixed, 0).cpu()
        int((0.4 * semantic + 0.6 * torch.softmax(torch.from_numpy(found), 0)).argmax())

    def burst(segmenter: ReferringSegmenter) -> None:
        for _ in range(BURST):
            ask(segmenter, encoded, next(asked))

    ways = {"fusion": lambda: burst(fusion), "query": lambda: burst(query), "theirs": once}
    seconds = interleaved(ways, rounds, str(clip.device))
    for name in ("fusion", "query"):
        what = f"one more expression, {size}, scoring.method {name}"
        times = seconds[name] / BURST, seconds["theirs"]
        found = Row.faster(7, what, PLAIN, times, 50, equal=error < TOLERANCE, note=f"error {error:.0e}")
        goal = f"{found.goal}, ≤ {LIMIT * 1000:.0f} ms"
        yield replace(found, goal=goal, reached=bool(found.reached) and times[0] <= LIMIT)


def together_rows(clip: ClipEncoder, encoded: Scene, rounds: int) -> Iterator[Row]:
    """Many expressions in one call, against single calls of the product, and against the plain text tower.

    A single call's expression is a new one, as in row 7; calls that remember the texts of those before are in the note.
    """
    for preset in ("paper", "robot"):
        segmenter = make_segmenter(clip, preset)
        batches = iter([expressions(TOGETHER, seed) for seed in range(3 * rounds + 4)])
        asked = next(batches)
        together = segmenter.refer(encoded, asked)
        forget(segmenter)
        singly = [segmenter.refer(encoded, one) for one in asked]
        equal = all(
            one.candidates[0].index == other.candidates[0].index and abs(one.score - other.score) < TOLERANCE
            for one, other in zip(together, singly, strict=True)
        )

        def call(single: str, segmenter: ReferringSegmenter = segmenter, batches: Any = batches) -> None:
            forget(segmenter)
            for one in next(batches) if single else [next(batches)]:
                if single == "new":
                    forget(segmenter)
                segmenter.refer(encoded, one)

        def plain_calls(segmenter: ReferringSegmenter = segmenter) -> None:
            for one in expressions(4, 99):
                parse = segmenter.parser.parse(one)
                plain.guidance(clip, encoded.image, encoded.proposals.masks, parse, encoded.map_tokens)

        seconds = interleaved(
            {
                "ours": lambda: call(""),
                "singly": lambda: call("new"),
                "known": lambda: call("known"),
                "theirs": plain_calls,
            },
            rounds,
            str(clip.device),
        )
        what, times = f"{TOGETHER} expressions in one call, preset {preset}", (seconds["ours"], seconds["singly"])
        note = f"calls that remember one another's texts {seconds['known']:.3f} s"
        yield Row.faster(8, what, f"{TOGETHER} single calls", times, 6, equal=equal, note=note)
        times = seconds["ours"], seconds["theirs"] * TOGETHER / 4
        yield Row.faster(8, what, f"{PLAIN} with a kept map", times, 6, equal=equal, note="theirs: from 4 expressions")
