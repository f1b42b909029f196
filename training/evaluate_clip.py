"""Top-1 accuracy of the small CLIP among the true masks of a scene, through each of the views it is used with.

    python training/evaluate_clip.py SET [SET ...]

The questions are the set's own expressions without spatial words; those of kind "size" have several answers but for
the size word. Chance is one over the scene's objects.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import open_clip
import torch
from clip_data import KINDS, RamScene
from clip_model import VisionPasses, build_model
from clip_text import SHAPE_NAMES
from clip_views import (
    BLUR_KERNEL,
    blurred_picture,
    local_picture,
    look,
    object_window,
    patches,
    token_shares,
    whole_frame,
)
from safetensors.torch import load
from torch import Tensor
from torch.nn import functional as F

from hybridgl_ros.tabletop.dataset import TabletopSet

WEIGHTS = Path(__file__).parents[1] / "hybridgl_ros" / "models" / "embedded" / "clip_tabletop.safetensors.gz"
VIEWS = ("local", "fused", "blurred")

EncodeTexts = Callable[[list[str]], Tensor]


@torch.no_grad()
def scene_features(passes: VisionPasses, scene: RamScene, views: Iterable[str] = VIEWS) -> dict[str, Tensor]:
    """Unit features (objects, d) of the true masks through each view, as the product forms them."""
    masks = [scene.instances == entry[0] for entry in scene.objects]
    window = whole_frame(masks[0])
    local = torch.from_numpy(np.stack([patches(look(local_picture(scene.image, mask), window)) for mask in masks]))
    if list(views) == ["local"]:
        return {"local": F.normalize(passes.plain(local).feature, dim=-1)}
    background = cv2.GaussianBlur(scene.image, (BLUR_KERNEL, BLUR_KERNEL), 0)
    pictures = [patches(look(blurred_picture(scene.image, mask, background), window)) for mask in masks]
    inside = torch.from_numpy(np.stack([token_shares(mask, window).reshape(-1) for mask in masks]) > 0)
    fused, alone, context = passes.fused(local, torch.from_numpy(np.stack(pictures)), inside)
    features = {"fused": fused, "local": alone, "blurred": context}
    return {view: F.normalize(features[view], dim=-1) for view in views}


@torch.no_grad()
def accuracy(
    passes: VisionPasses, encode: EncodeTexts, scenes: Iterable[RamScene], views: Iterable[str] = VIEWS
) -> dict[str, float]:
    """Share of right answers by "view/kind", with "count/kind" and "chance"."""
    views = tuple(views)
    right: dict[str, list[bool]] = defaultdict(list)
    chances: list[float] = []
    for scene in scenes:
        asked = scene.questions
        if not asked or len(scene.objects) < 2:
            continue
        features = scene_features(passes, scene, views)
        text = F.normalize(encode([text for _, text, _ in asked]), dim=-1)
        chances += [1 / len(scene.objects)] * len(asked)
        for view in views:
            best = (text @ features[view].T).argmax(dim=1).tolist()
            for (kind, _, row), chosen in zip(asked, best):
                right[f"{view}/{kind}"].append(chosen == row)
    result = {key: round(float(np.mean(values)), 4) for key, values in sorted(right.items())}
    result |= {f"count/{kind}": float(len(right[f"{views[0]}/{kind}"])) for kind in KINDS}
    return result | {"chance": round(float(np.mean(chances)), 4)}


@torch.no_grad()
def zoomed_shape_accuracy(passes: VisionPasses, encode: EncodeTexts, scenes: Iterable[RamScene]) -> float:
    """Share of zoomed local views whose best shape text of all shapes is right (the gate of the first stage)."""
    rng, views, shapes = random.Random(0), [], []
    for scene in scenes:
        for instance, shape, _, _ in scene.objects:
            mask = scene.instances == instance
            window = object_window(mask, rng.uniform(0.4, 0.75), rng)
            views.append(patches(look(local_picture(scene.image, mask), window)))
            shapes.append(shape)
    features = torch.cat([passes.plain(torch.from_numpy(np.stack(views[i : i + 32]))).feature
                          for i in range(0, len(views), 32)])  # fmt: skip
    text = F.normalize(encode([f"the {name}" for name in SHAPE_NAMES]), dim=-1)
    return float(((features @ text.T).argmax(dim=1) == torch.tensor(shapes)).float().mean())


def table(result: dict[str, float], views: Iterable[str] = VIEWS) -> str:
    """The accuracies as a Markdown table, one row a view."""
    lines = ["| view | " + " | ".join(f"{kind} ({result[f'count/{kind}']:.0f})" for kind in KINDS) + " |"]
    lines.append("|---" * (len(KINDS) + 1) + "|")
    for view in views:
        cells = [f"{result.get(f'{view}/{kind}', float('nan')):.3f}" for kind in KINDS]
        lines.append(f"| {view} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def load_exported(path: Path) -> tuple[open_clip.CLIP, EncodeTexts]:
    """The exported model, and its text encoder through ``open_clip``'s own tokenizer."""
    model = build_model()
    state = load(gzip.decompress(path.read_bytes()))
    model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    model.eval()
    tokenizer = open_clip.SimpleTokenizer(context_length=model.context_length)
    return model, lambda texts: model.encode_text(tokenizer(texts))


def main() -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+", type=Path, help="tabletop sets: zips, or folders of shards")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="exported weights (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=None, help="use only the first so many scenes of each set")
    parser.add_argument("--json", type=Path, default=None, help="also write the numbers to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model, encode = load_exported(arguments.weights)
    results = {}
    for path in arguments.sets:
        scenes = TabletopSet(path)
        count = min(len(scenes), arguments.limit or len(scenes))
        results[path.stem] = accuracy(VisionPasses(model), encode, (RamScene.of(scenes[i]) for i in range(count)))
        print(f"{path.stem}: {count} scenes, chance {results[path.stem]['chance']:.2f}\n{table(results[path.stem])}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
