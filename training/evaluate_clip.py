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
from clip_text import COLOUR_NAMES, POSES_OF, SHADE_NAMES, SHAPE_NAMES, UNKNOWN_WORD, Description, Wording
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
SHARPNESS = 30.0
"""Scale of cosines where probabilities are compared."""

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
        for instance, shape, *_ in scene.objects:
            mask = scene.instances == instance
            window = object_window(mask, rng.uniform(0.4, 0.75), rng)
            views.append(patches(look(local_picture(scene.image, mask), window)))
            shapes.append(shape)
    features = torch.cat([passes.plain(torch.from_numpy(np.stack(views[i : i + 32]))).feature
                          for i in range(0, len(views), 32)])  # fmt: skip
    text = F.normalize(encode([f"the {name}" for name in SHAPE_NAMES]), dim=-1)
    return float(((features @ text.T).argmax(dim=1) == torch.tensor(shapes)).float().mean())


@torch.no_grad()
def words_accuracy(
    passes: VisionPasses, encode: EncodeTexts, scenes: Iterable[RamScene], view: str = "fused"
) -> dict[str, float]:
    """What people's words reach through one view, by "view/kind", on the true masks.

    ``synonym``: any wording of colour and shape that one object of the scene fits, top-1 among the scene's;
    ``synonym_shape``: the same by shape alone; ``pose``: each posed object among its shape's poses; ``shade``: light or
    dark; ``absent_auroc``: best probability of a colour and shape in the scene, among all colours and shapes, for
    those present against those absent; ``absent_words_auroc``: the same for other wordings.
    """
    rng = random.Random(5)
    wording = Wording(rng, spatial=0.0, wrapped=0.15)
    pairs = [(colour, shape) for colour in range(len(COLOUR_NAMES)) for shape in range(len(SHAPE_NAMES))]
    usual = F.normalize(encode([f"a {COLOUR_NAMES[c]} {SHAPE_NAMES[s]}" for c, s in pairs]), dim=-1)
    right: dict[str, list[bool]] = defaultdict(list)
    scores: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for scene in scenes:
        features = scene_features(passes, scene, (view,) if view == "local" else (view, "local"))[view]
        kinds = [(colour, shape) for _, shape, colour, *_ in scene.objects]
        asked: list[tuple[str, str, int]] = []
        for row, (colour, shape) in enumerate(kinds):
            if kinds.count((colour, shape)) == 1:
                asked.append(("synonym", wording.text(Description(shape, colour)), row))
            if [kind[1] for kind in kinds].count(shape) == 1:
                asked.append(("synonym_shape", wording.text(Description(shape)), row))
        if asked:
            best = (F.normalize(encode([text for _, text, _ in asked]), dim=-1) @ features.T).argmax(1).tolist()
            for (kind, _, row), chosen in zip(asked, best):
                right[kind].append(chosen == row)
        for row, (_, shape, colour, _, shade, pose) in enumerate(scene.objects):
            choices = [("pose", pose, [Description(shape, pose=p) for p in POSES_OF[SHAPE_NAMES[shape]]])]
            choices.append(("shade", shade, [Description(shape, colour, shade=h) for h in range(len(SHADE_NAMES))]))
            for kind, answer, options in choices:
                if answer >= 0:
                    text = F.normalize(encode([wording.text(option) for option in options]), dim=-1)
                    right[kind].append(int((text @ features[row]).argmax()) == answer)
        other = F.normalize(encode([wording.text(Description(s, c)) for c, s in pairs]), dim=-1)
        for kind, bank in (("absent", usual), ("absent_words", other)):
            present = (SHARPNESS * features @ bank.T).softmax(dim=1).amax(dim=0).tolist()
            scores[kind] += [(score, pair in kinds) for score, pair in zip(present, pairs)]
    result = {f"{view}/{kind}": round(float(np.mean(values)), 4) for kind, values in right.items()}
    return result | {f"{view}/{kind}_auroc": round(auroc(values), 4) for kind, values in scores.items()}


def auroc(scores: list[tuple[float, bool]]) -> float:
    """Probability that a present thing scores above an absent one."""
    ranked = sorted(scores)
    positives = sum(present for _, present in ranked)
    ranks = sum(rank for rank, (_, present) in enumerate(ranked, start=1) if present)
    return (ranks - positives * (positives + 1) / 2) / (positives * (len(ranked) - positives))


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
    return model, lambda texts: model.encode_text(tokenizer([text.replace(UNKNOWN_WORD, "~") for text in texts]))


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
        words = words_accuracy(VisionPasses(model), encode, (RamScene.of(scenes[i]) for i in range(count)))
        results[path.stem] |= words
        print(
            f"{path.stem}: {count} scenes, chance {results[path.stem]['chance']:.2f}\n{table(results[path.stem])}"
            f"\n{words}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
