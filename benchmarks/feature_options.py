"""What cheaper region features cost in answers: shortlists from pooled dense features, and half precision.

    python benchmarks/feature_options.py [--scenes 40] [--expressions 8] [--presets paper robot]

Takes validation scenes of the tabletop and the embedded models. A shortlist holds the proposals that score best by
features pooled from one dense pass of the picture (the localisation map's tokens, weighed by the masks), and those
that fit the other objects best; only they get hybrid features, and only they can be the answer. Printed are the share
of selections that are the same as with all hybrid features, the mean number of proposals described, and the mean ratio
of region features computed.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.fusion import region_features
from hybridgl_ros.clip.localisation import map_tokens
from hybridgl_ros.segmenter import ReferringSegmenter
from hybridgl_ros.spatial.weights import mask_weights
from hybridgl_ros.tabletop.dataset import TabletopSet, validation_path
from hybridgl_ros.types import Answer, Scene

LENGTHS = (1, 2, 3, 4, 6, 8, 10, 15)
TYPES = (torch.bfloat16, torch.float16)


def pooled(segmenter: ReferringSegmenter, scene: Scene) -> Tensor:
    """Features N×d of the proposals: the mean of the dense tokens inside each mask."""
    settings = segmenter.config.guidance
    tokens, grid = map_tokens(segmenter.clip, scene.image, settings.map_size, settings.map_blocks)
    weights = mask_weights(scene.proposals.masks, grid, settings.map_size)
    return (weights.inside / weights.area[:, None]).float().to(tokens.device) @ tokens


def shortlist(segmenter: ReferringSegmenter, rough: Scene, expression: str, length: int) -> np.ndarray:
    """N bool: the best `length` by pooled features, and as many for what the expression relates them to."""
    answer = segmenter.refer(rough, expression)
    chosen = [entry.index for entry in answer.candidates[:length]] + [entry.index for entry in answer.landmarks]
    if segmenter.config.scoring.method == "fusion" and answer.parse.others:
        prompts = segmenter.text.encode([f"a photo of {phrase}" for phrase in answer.parse.others])
        fit = torch.nn.functional.normalize(rough.features, dim=-1) @ prompts.mean(dim=0)
        chosen += fit.topk(min(length, len(fit))).indices.tolist()
    kept = np.zeros(len(rough.proposals), bool)
    kept[chosen] = True
    return kept


def selected(answer: Answer, places: np.ndarray) -> tuple[int, ...]:
    """The referents as indices of all proposals; empty when nothing was found."""
    return tuple(sorted(int(places[entry.index]) for entry in answer.objects)) if answer.found else ()


def measure(preset: str, scenes: int, expressions: int) -> None:
    segmenter = ReferringSegmenter.from_config("embedded", preset=preset, device="cpu")
    equal: dict[object, list[bool]] = defaultdict(list)
    described: dict[object, list[float]] = defaultdict(list)
    counts = []
    tabletop = TabletopSet(validation_path())
    for number in np.linspace(0, len(tabletop) - 1, scenes).astype(int):
        shown = tabletop[int(number)]
        scene = segmenter.encode(shown.image)
        everything = np.arange(len(scene.proposals))
        counts.append(len(everything))
        rough = replace(scene, features=pooled(segmenter, scene), memory={})
        mixed = {dtype: replace(scene, features=in_type(segmenter, scene, dtype), memory={}) for dtype in TYPES}
        for expression in shown.expressions[:expressions]:
            wanted = selected(segmenter.refer(scene, expression.text), everything)
            for dtype, other in mixed.items():
                equal[dtype].append(selected(segmenter.refer(other, expression.text), everything) == wanted)
            for length in LENGTHS:
                kept = shortlist(segmenter, rough, expression.text, length)
                few = replace(scene, proposals=scene.proposals.only(kept), features=scene.features[kept], memory={})
                equal[length].append(selected(segmenter.refer(few, expression.text), np.flatnonzero(kept)) == wanted)
                described[length].append(float(kept.sum()))
    title = f"{preset}: {scenes} scenes, {len(equal[LENGTHS[0]])} expressions, {np.mean(counts):.1f} proposals a scene"
    table = Table("shortlist or type", "equal selections", "proposals described", "fewer by", title=title)
    for length in LENGTHS:
        mean = float(np.mean(described[length]))
        share = f"{np.mean(equal[length]):.1%}"
        table.add_row(str(length), share, f"{mean:.1f}", f"{np.mean(counts) / mean:.1f}×")
    for dtype in TYPES:
        table.add_row(str(dtype).removeprefix("torch."), f"{np.mean(equal[dtype]):.1%}", "all", "")
    Console(width=100).print(table)


def in_type(segmenter: ReferringSegmenter, scene: Scene, dtype: torch.dtype) -> Tensor:
    """The scene's region features in a lower precision."""
    mixed = ClipEncoder.__new__(ClipEncoder)
    mixed.__dict__.update(vars(segmenter.clip), dtype=dtype)
    return region_features(mixed, scene.image, scene.proposals.masks, segmenter.config.features)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--expressions", type=int, default=8, help="of each scene")
    parser.add_argument("--presets", nargs="+", default=["paper", "robot"])
    options = parser.parse_args()
    for preset in options.presets:
        measure(preset, options.scenes, options.expressions)


if __name__ == "__main__":
    main()
