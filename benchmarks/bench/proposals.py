"""Rows 1, 2 and 5: SAM's image encoder, and from points to masks, against segment_anything itself.

Weights are seeded: that changes what is proposed, not what the networks cost. The true-size decoder is scaled so that a
third of its masks pass the rating and are stable. Times are medians of both ways taken in turn in one process. Peak
memory is VmHWM of a child process of each way, reset once the model is loaded, above what was resident then.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import torch
from segment_anything import SamAutomaticMaskGenerator, sam_model_registry
from segment_anything.modeling import Sam
from torch import Tensor

from hybridgl_ros.config import load_config
from hybridgl_ros.models.loading import load_sam
from hybridgl_ros.models.precision import hold_in, multiplying_in
from hybridgl_ros.proposals.decoder import decode_points
from hybridgl_ros.proposals.encoder import embed_by_vit
from hybridgl_ros.proposals.sam import SamProposals
from hybridgl_ros.settings import ProposalSettings
from hybridgl_ros.tabletop.dataset import TabletopSet, heldout_path

from .processes import peak_memory
from .rows import Row, interleaved

VGA, FULL_HD, TWELVE = (640, 480), (1920, 1080), (4000, 3000)
CLOSE = 1e-4
THEIRS = "segment_anything"


def rows(device: str, quick: bool) -> Iterator[Row]:
    """The rows as plain values; quick: one round each."""
    rounds = 1 if quick else 3
    with torch.inference_mode():
        yield encoder_row(device, rounds)
        yield peak_row(1, "image encoder ViT-B: peak memory above the model", "encoder", VGA, device, None)
        for size, goal in ((VGA, 3.5), (FULL_HD, 8.0)):
            for model in ("embedded", "vit_b"):
                yield masks_row(model, size, goal, device, rounds)
        for size, limit in ((FULL_HD, 300.0), (TWELVE, 1000.0)):
            what = f"points → masks, ViT-B, {size[0]}×{size[1]}: peak memory above the model"
            yield peak_row(2, what, "masks", size, device, limit)
        yield half_row(device, rounds)
        yield half_masks_row(device, 20 if quick else 60)


def encoder_row(device: str, rounds: int) -> Row:
    encoder, pixels = seeded("vit_b", device).image_encoder, noise(device)
    ways = {"ours": lambda: embed_by_vit(encoder, pixels), "theirs": lambda: encoder(pixels)}
    seconds, found = interleaved(ways, rounds, device), {name: way() for name, way in ways.items()}
    away = float((found["ours"] - found["theirs"]).abs().max())
    note = f"greatest difference {away:.1e} of {float(found['theirs'].abs().max()):.1f}"
    times = seconds["ours"], seconds["theirs"]
    return Row.faster(1, "image encoder ViT-B, 1024², float32", THEIRS, times, 1.5, equal=away <= CLOSE, note=note)


def masks_row(model: str, size: tuple[int, int], goal: float, device: str, rounds: int) -> Row:
    ways = mask_ways(model, size, device)
    seconds, found = interleaved(ways, rounds, device), {name: way() for name, way in ways.items()}
    masks = [entry["segmentation"] for entry in found["theirs"]]
    equal = len(masks) == len(found["ours"]) and all(map(np.array_equal, masks, found["ours"].masks))
    what = f"8×8 points → masks, {model}, {size[0]}×{size[1]}"
    times, note = (seconds["ours"], seconds["theirs"]), f"{len(masks)} masks of the same embedding"
    return Row.faster(2, what, THEIRS, times, goal, equal=equal, note=note)


def half_row(device: str, rounds: int) -> Row:
    """bfloat16 against float32: of ours, and of segment_anything in the note."""
    encoder, half = (seeded("vit_b", device).image_encoder for _ in range(2))
    pixels = noise(device)
    hold_in(torch.bfloat16, half)

    def ours() -> Tensor:
        with multiplying_in(torch.bfloat16, pixels.device):
            return embed_by_vit(half, pixels)

    ways = {"ours": ours, "float32": lambda: embed_by_vit(encoder, pixels), "theirs": lambda: encoder(pixels)}
    seconds = interleaved(ways, rounds, device)
    note = f"against our own float32 {seconds['float32'] / seconds['ours']:.2f}×"
    times = seconds["ours"], seconds["theirs"]
    return Row.faster(5, "image encoder ViT-B, bfloat16", f"{THEIRS}, float32", times, 4.0, note=note)


def half_masks_row(device: str, scenes: int) -> Row:
    """Mean IoU of every float32 proposal of the embedded model with the best of bfloat16's, over held-out scenes."""
    settings, overlaps = load_config("embedded").proposals, []
    exact, half = (SamProposals(load_sam("sam_tabletop", device, dtype)) for dtype in (torch.float32, torch.bfloat16))
    for number in range(scenes):
        image = TabletopSet(heldout_path())[number].image
        others = half.generate(image, settings).masks
        for mask in exact.generate(image, settings).masks:
            overlaps.append(max(((mask & other).sum() / (mask | other).sum() for other in others), default=0.0))
    mean = float(np.mean(overlaps))
    return Row.share(5, "embedded masks, bfloat16: mean IoU with float32", mean, 0.98, against="float32")


def mask_ways(model: str, size: tuple[int, int], device: str) -> dict[str, Callable[[], Any]]:
    """From one embedding to the masks of a picture of (width, height), as the product and as segment_anything do it."""
    settings = load_config("embedded", overrides={"proposals.nms": "box", "proposals.minimum_region_area": 0}).proposals
    if model == "embedded":
        sam = load_sam("sam_tabletop", device)
        image = cv2.resize(TabletopSet(heldout_path())[0].image, size)
        (features,) = SamProposals(sam).embed(image)
    else:
        sam = seeded(model, device)
        image = np.zeros((size[1], size[0], 3), np.uint8)
        # Smooth, so that masks are regions.
        features = 9 * torch.nn.functional.avg_pool2d(torch.randn(1, 256, 64, 64, device=device), 9, 1, 4)
        pass_a_third(sam, features, settings)
    # Their generator encodes the picture itself.
    sam.image_encoder.forward = lambda pixels: features
    generator = SamAutomaticMaskGenerator(
        sam,
        points_per_side=settings.points_per_side,
        points_per_batch=settings.points_per_batch,
        pred_iou_thresh=settings.predicted_iou_threshold,
        stability_score_thresh=settings.stability_threshold,
        box_nms_thresh=settings.nms_threshold,
    )
    ours = SamProposals(sam)
    return {
        "ours": lambda: ours.propose((features,), (size[1], size[0]), settings),
        "theirs": lambda: generator.generate(image),
    }


def pass_a_third(sam: Sam, features: Tensor, settings: ProposalSettings) -> None:
    """Scale a seeded decoder's logits and shift its ratings."""
    decoder = sam.mask_decoder
    for head in decoder.output_hypernetworks_mlps:
        head.layers[-1].weight.mul_(60)
        head.layers[-1].bias.mul_(60)
    grid = torch.rand(settings.points_per_side**2, 2, device=features.device, dtype=torch.float64) * 1024
    ratings = torch.cat([some for _, some in decode_points(sam, (features,), grid, 0.0)])
    decoder.iou_prediction_head.layers[-1].bias += settings.predicted_iou_threshold - ratings.quantile(2 / 3)


def seeded(name: str, device: str) -> Sam:
    """A SAM of true size with random weights, positions included."""
    torch.manual_seed(0)
    sam = sam_model_registry[name]().requires_grad_(False).eval()
    for parameter, values in sam.named_parameters():
        if "rel_pos" in parameter or "pos_embed" in parameter:
            values.normal_(0, 0.1)
    return sam.to(device)


def noise(device: str) -> Tensor:
    return torch.randn(1, 3, 1024, 1024, device=device)


def peak_row(number: int, what: str, kind: str, size: tuple[int, int], device: str, limit: float | None) -> Row:
    """Peak memory of both ways in MB; limit: of ours, half of theirs without."""
    ours = in_child(peak, kind, "ours", size, device)
    if limit is not None and size == TWELVE:
        # Theirs holds 192 masks of this size as floats.
        return Row.below(number, what, ours, limit, "MB")
    theirs = in_child(peak, kind, "theirs", size, device)
    goal = "≤ 0.5×" if limit is None else f"≤ {limit:g} MB"
    reached = ours <= (limit or theirs / 2)
    return Row(number, what, THEIRS, ours, theirs, "MB", ours / theirs, goal, None, reached)


def in_child(work: Callable[..., float], *arguments: Any) -> float:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def peak(kind: str, way: str, size: tuple[int, int], device: str) -> float:
    """MB that a way takes at most above what the process holds with the model loaded; on a GPU, torch's own count."""
    with torch.inference_mode():
        if kind == "encoder":
            encoder, pixels = seeded("vit_b", device).image_encoder, noise(device)
            run = (lambda: embed_by_vit(encoder, pixels)) if way == "ours" else (lambda: encoder(pixels))
        else:
            run = mask_ways("vit_b", size, device)[way]
        return peak_memory(run, device) / 1e6
