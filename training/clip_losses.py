"""Losses of the small CLIP: text banks, text-to-image contrast, attribute heads, and the localisation map."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from clip_data import UNKNOWN, FrameBatch, ViewBatch
from clip_model import Heads
from clip_text import (
    COLOUR_NAMES,
    POSE_NAMES,
    POSES_OF,
    SHADE_NAMES,
    SHAPE_NAMES,
    SIZE_NAMES,
    Description,
    Wording,
)
from torch import Tensor
from torch.nn import functional as F

SHAPES, COLOURS, SIZES = len(SHAPE_NAMES), len(COLOUR_NAMES), len(SIZE_NAMES)
SHADES, POSES = len(SHADE_NAMES), len(POSE_NAMES)
ATTRIBUTES = (SHAPES, COLOURS, SIZES, SHADES, POSES)
POSED = [(shape, pose) for shape, name in enumerate(SHAPE_NAMES) for pose in POSES_OF[name]]
POSE_WEIGHT, SHADE_WEIGHT, JUNK_WEIGHT = 0.6, 0.5, 0.25
LEVEL_SCALE, LEVEL, LEVEL_WEIGHT = 15.0, 0.5, 0.5
"""Cosines of what a text is true of are to lie above LEVEL, all others below."""
SIZE_WEIGHT = 0.75
SIZE_MARGIN = 1.15
OUTLINE_WEIGHT = 4.0
MAP_SCALE = 12.0

Encode = Callable[[list[str]], Tensor]


class TextBanks:
    """Unit text features of every description, worded anew at each step.

    ``colour_shape`` (56, d), ``colour`` (8, d), ``shape`` (7, d) and, when ``sized``, ``size`` (2, d) and ``full``
    (112, d: size, colour, shape, size slowest); both are empty otherwise. ``posed`` (13, d): a pose of a shape each, as
    ``POSED``; ``pose`` (3, d); ``shaded`` (16, d: light, dark of each colour).
    """

    def __init__(self, encode: Encode, wording: Wording, sized: bool = True) -> None:
        groups = {
            "colour_shape": [Description(s, c) for c in range(COLOURS) for s in range(SHAPES)],
            "colour": [Description(colour=c) for c in range(COLOURS)],
            "shape": [Description(shape=s) for s in range(SHAPES)],
            "size": [Description(size=z) for z in range(SIZES)],
            "full": [Description(s, c, z) for z in range(SIZES) for c in range(COLOURS) for s in range(SHAPES)],
        }
        groups["posed"] = [Description(shape=s, pose=p) for s, p in POSED]
        groups["pose"] = [Description(pose=p) for p in range(POSES)]
        groups["shaded"] = [Description(colour=c, shade=h) for c in range(COLOURS) for h in range(SHADES)]
        if not sized:
            groups["size"] = groups["full"] = []
        texts = [wording.text(description) for group in groups.values() for description in group]
        features = F.normalize(encode(texts), dim=-1).split([len(group) for group in groups.values()])
        self.colour_shape, self.colour, self.shape, self.size, self.full, self.posed, self.pose, self.shaded = features


def bank_loss(features: Tensor, batch: ViewBatch, banks: TextBanks, scale: Tensor) -> Tensor:
    """Image-to-text cross-entropy of unit features (B, d) against the banks; junk and unknown sizes are left out."""
    known = batch.shape != UNKNOWN
    unit, shape, colour, size = features[known], batch.shape[known], batch.colour[known], batch.size[known]
    logits = scale * unit
    joint = colour * SHAPES + shape
    loss = F.cross_entropy(logits @ banks.colour_shape.T, joint)
    loss = loss + F.cross_entropy(logits @ banks.shape.T, shape)
    loss = loss + 0.5 * F.cross_entropy(logits @ banks.colour.T, colour)
    sized = size != UNKNOWN
    if sized.any():
        logits, size, joint = logits[sized], size[sized], joint[sized]
        loss = loss + F.cross_entropy(logits @ banks.full.T, size * SHAPES * COLOURS + joint)
        pairs = torch.einsum("bd,zbd->bz", logits, banks.full.unflatten(0, (SIZES, -1))[:, joint])
        loss = loss + SIZE_WEIGHT * F.cross_entropy(pairs, size)
        loss = loss + SIZE_WEIGHT * F.cross_entropy(logits @ banks.size.T, size)
    return loss + pose_loss(features, batch, banks, scale) + shade_loss(features, batch, banks, scale)


def pose_loss(features: Tensor, batch: ViewBatch, banks: TextBanks, scale: Tensor) -> Tensor:
    """Cross-entropy among the poses of the object's own shape, and among the poses of any thing."""
    posed = batch.pose != UNKNOWN
    if not posed.any():
        return features.sum() * 0.0
    logits, shape, pose = scale * features[posed], batch.shape[posed], batch.pose[posed]
    shapes, poses = torch.tensor(POSED).T
    own = logits @ banks.posed.T
    own = own.masked_fill(shapes != shape[:, None], float("-inf"))
    target = ((shapes == shape[:, None]) & (poses == pose[:, None])).int().argmax(dim=1)
    anything = F.cross_entropy(logits @ banks.pose.T, pose)
    return POSE_WEIGHT * (F.cross_entropy(own, target) + 0.5 * anything)


def shade_loss(features: Tensor, batch: ViewBatch, banks: TextBanks, scale: Tensor) -> Tensor:
    """Cross-entropy between the light and the dark shade of the object's own colour."""
    shaded = batch.shade != UNKNOWN
    if not shaded.any():
        return features.sum() * 0.0
    own = banks.shaded.unflatten(0, (COLOURS, SHADES))[batch.colour[shaded]]
    logits = scale * torch.einsum("bd,bhd->bh", features[shaded], own)
    return SHADE_WEIGHT * F.cross_entropy(logits, batch.shade[shaded])


def level_loss(features: Tensor, batch: ViewBatch, banks: TextBanks) -> Tensor:
    """What a cosine means by itself: true texts above LEVEL, false ones below, everything false of junk.

    True, almost true (one of colour and shape) and wholly false texts weigh the same. Junk, beside that, prefers no
    description to another.
    """
    shape = torch.arange(SHAPES) == batch.shape[:, None]
    colour = torch.arange(COLOURS) == batch.colour[:, None]
    both = colour[:, :, None] & shape[:, None, :]
    near = colour[:, :, None] ^ shape[:, None, :]
    cosines = features @ torch.cat([banks.colour_shape, banks.shape, banks.colour]).T
    true = torch.cat([both.flatten(1), shape, colour], dim=1)
    almost = torch.cat([near.flatten(1), torch.zeros_like(shape), torch.zeros_like(colour)], dim=1)
    losses = F.softplus(LEVEL_SCALE * (cosines - LEVEL) * torch.where(true, -1.0, 1.0))
    groups = [true, almost, ~true & ~almost]
    loss = torch.stack([losses[group].mean() for group in groups if group.any()]).sum()
    junk = batch.shape == UNKNOWN
    if junk.any():
        logits = features[junk] @ banks.colour_shape.T
        loss = loss + losses[junk].mean()
        loss = loss - JUNK_WEIGHT * F.log_softmax(2 * LEVEL_SCALE * logits, dim=1).mean()
    return LEVEL_WEIGHT * loss


def draw_texts(batch: ViewBatch, wording: Wording, rng: random.Random) -> tuple[list[str], Tensor, Tensor, Tensor]:
    """A text for each object view, and three (T, B) bool: where it is true, where that is known, and its scene's views.

    Of a text with a size word, nothing is known about views whose size is unknown, nor about objects of the scene
    that are of the other size but do not look it from here; of one with a pose, nothing about shapes without.
    """
    texts, positives, known, same_scene = [], [], [], []
    labels = {"s": batch.shape, "c": batch.colour, "z": batch.size, "h": batch.shade, "p": batch.pose}
    for row in range(len(batch.shape)):
        if batch.shape[row] == UNKNOWN:
            continue
        choices = ["cs", "cs", "cs", "s", "s", "c"]
        if batch.size[row] != UNKNOWN:
            choices += ["zcs", "zs", "zs", "zc", "z", "z", "z"]
        if batch.shade[row] != UNKNOWN:
            choices += ["hcs", "hcs", "hc", "hc"]
        if batch.pose[row] != UNKNOWN:
            choices += ["ps", "ps", "p", "pcs"]
        parts = rng.choice(choices)
        true = batch.shape != UNKNOWN
        for letter in parts:
            true = true & (labels[letter] == labels[letter][row])
        sure = _size_known(batch, row) if "z" in parts else torch.ones_like(true)
        if "p" in parts:
            sure = sure & ((batch.pose != UNKNOWN) | (batch.shape == UNKNOWN))
        said = {letter: int(values[row]) for letter, values in labels.items() if letter in parts}
        texts.append(wording.text(Description(*(said.get(letter) for letter in "sczhp"))))
        positives.append(true)
        known.append(sure)
        same_scene.append(batch.scene == batch.scene[row])
    return texts, torch.stack(positives), torch.stack(known), torch.stack(same_scene)


def _size_known(batch: ViewBatch, row: int) -> Tensor:
    """Views (B,) bool that a size word true of view ``row`` is certainly true or untrue of."""
    known = (batch.size != UNKNOWN) | (batch.shape == UNKNOWN)
    ratio = batch.scale[row] / batch.scale.clamp_min(1e-6)
    clear = (ratio if SIZE_NAMES[int(batch.size[row])] == "large" else 1 / ratio) >= SIZE_MARGIN
    other = (batch.scene == batch.scene[row]) & (batch.size != batch.size[row]) & (batch.shape != UNKNOWN)
    return known & (~other | clear)


def contrast_loss(logits: Tensor, positives: Tensor, candidates: Tensor) -> Tensor:
    """−log of the positives' share of the softmax over the candidates, (T, B) each.

    Rows that ask nothing, for want of a positive or of anything else, are left out.
    """
    positives = positives & candidates
    asks = positives.any(1) & (candidates & ~positives).any(1)
    if not asks.any():
        return logits.sum() * 0.0
    logits, positives, candidates = logits[asks], positives[asks], candidates[asks]
    everything = logits.masked_fill(~candidates, float("-inf")).logsumexp(1)
    return (everything - logits.masked_fill(~positives, float("-inf")).logsumexp(1)).mean()


def heads_loss(heads: Heads, supervised: list[Tensor], batch: ViewBatch) -> Tensor:
    """Deep supervision of object views: attributes and outline from CLS, attributes from the mask's own tokens."""
    losses = []
    labels = batch.shape, batch.colour, batch.size, batch.shade, batch.pose
    weight = batch.shares * (batch.shape != UNKNOWN)[:, None]
    for tokens, cls_head, dense_head in zip(supervised, heads.cls, heads.dense):
        attributes, outlines = cls_head(tokens[:, 0]).split([sum(ATTRIBUTES), batch.outline.shape[1]], dim=1)
        losses.append(attribute_loss(attributes, *labels))
        losses.append(outline_loss(outlines, batch.outline))
        pooled = (tokens[:, 1:] * weight[..., None]).sum(1) / weight.sum(1, keepdim=True).clamp_min(1e-3)
        losses.append(attribute_loss(dense_head(pooled)[:, :-1], *labels))
    return torch.stack(losses).sum() / 6


def outline_loss(outputs: Tensor, outline: Tensor) -> Tensor:
    """Silhouette (binary cross-entropy) and box (absolute error): many bits a view, where a shape label has three."""
    cells = outline.shape[1] - 4
    silhouette = F.binary_cross_entropy_with_logits(outputs[:, :cells], outline[:, :cells])
    return OUTLINE_WEIGHT * (silhouette + F.l1_loss(outputs[:, cells:], outline[:, cells:]))


def attribute_loss(outputs: Tensor, *labels: Tensor) -> Tensor:
    """Cross-entropies of (n, 22) outputs against shape, colour, size, shade and pose labels (n,), -1 ignored."""
    loss = outputs.sum() * 0.0
    for part, label in zip(outputs.split(ATTRIBUTES, dim=1), labels):
        if (label != UNKNOWN).any():
            loss = loss + F.cross_entropy(part, label, ignore_index=UNKNOWN)
    return loss


def frame_heads_loss(heads: Heads, supervised: list[Tensor], batch: FrameBatch) -> Tensor:
    """Deep supervision of whole frames: is a token on an object, and which shape and colour is it."""
    covered, slot = batch.shares.max(dim=1)
    on_object = (covered > 0.5) & (batch.shape.gather(1, slot) != UNKNOWN)
    shape, colour = batch.shape.gather(1, slot)[on_object], batch.colour.gather(1, slot)[on_object]
    unknown = torch.full_like(shape, UNKNOWN)
    losses = []
    for tokens, head in zip(supervised, heads.dense):
        outputs = head(tokens[:, 1:])
        losses.append(F.binary_cross_entropy_with_logits(outputs[..., -1], batch.shares.sum(1).clamp(max=1)))
        losses.append(attribute_loss(outputs[on_object][:, :-1], shape, colour, *[unknown] * 3))
    return torch.stack(losses).sum() / len(supervised)


def map_loss(tokens: Tensor, batch: FrameBatch, encode: Encode, wording: Wording, rng: random.Random) -> Tensor:
    """Localisation: for a text per object, softmax over the frame's tokens against the share its objects cover."""
    frames, texts, targets = [], [], []
    for row in range(len(batch.shape)):
        for slot in (batch.shape[row] != UNKNOWN).nonzero().flatten().tolist():
            shape, colour = batch.shape[row, slot], batch.colour[row, slot]
            parts = rng.choice(("cs", "cs", "cs", "s", "c"))
            true = batch.shape[row] != UNKNOWN
            if "s" in parts:
                true = true & (batch.shape[row] == shape)
            if "c" in parts:
                true = true & (batch.colour[row] == colour)
            texts.append(
                wording.text(Description(int(shape) if "s" in parts else None, int(colour) if "c" in parts else None))
            )
            frames.append(row)
            targets.append(batch.shares[row, true].sum(0).clamp(max=1))
    if not texts:
        return tokens.sum() * 0.0
    text = F.normalize(encode(texts), dim=-1)
    cosine = torch.einsum("td,tkd->tk", text, F.normalize(tokens, dim=-1)[frames])
    target = torch.stack(targets)
    shares = target / target.sum(1, keepdim=True)
    ranking = -(shares * F.log_softmax(MAP_SCALE * cosine, dim=1)).sum(1)
    level = F.binary_cross_entropy_with_logits(MAP_SCALE * (cosine - 0.35), (target > 0.3).float())
    return 0.5 * ranking.mean() + level


def said(shape: int | None, colour: int | None, size: int | None) -> str:
    """A description in the usual words, without an article."""
    words = [SIZE_NAMES[size]] if size is not None else []
    words += [COLOUR_NAMES[colour]] if colour is not None else []
    return " ".join([*words, "object" if shape is None else SHAPE_NAMES[shape]])


@torch.no_grad()
def usual_features(encode: Encode) -> tuple[list[Description], Tensor]:
    """Every description by shape, colour and size, and its unit feature (n, d) in the usual words."""
    parts = [
        (shape, colour, size)
        for size in (None, *range(SIZES))
        for colour in (None, *range(COLOURS))
        for shape in (None, *range(SHAPES))
        if (shape, colour, size) != (None, None, None)
    ]
    frames = ("the {}", "a {}", "a photo of a {}", "{}")
    features = sum(F.normalize(encode([frame.format(said(*part)) for part in parts]), dim=-1) for frame in frames)
    return [Description(*part) for part in parts], F.normalize(features, dim=-1)


def wording_loss(
    descriptions: list[Description], targets: Tensor, encode: Encode, wording: Wording, count: int, rng: random.Random
) -> Tensor:
    """How far ``count`` random wordings are from what their description says in the usual words."""
    chosen = [rng.randrange(len(descriptions)) for _ in range(count)]
    features = F.normalize(encode([wording.text(descriptions[index]) for index in chosen]), dim=-1)
    cosines = features @ targets.T
    index = torch.tensor(chosen)
    return F.cross_entropy(40 * cosines, index) + 4 * (1 - cosines[torch.arange(count), index]).mean()
