"""Rows 3 to 5: region features and map tokens of CLIP ViT-B/16 with seeded weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.fusion import region_features
from hybridgl_ros.clip.localisation import map_tokens

from . import plain
from .rows import Row, interleaved
from .scenes import PROPOSALS, clip_b16, in_type, scene

TOLERANCE = 1e-4
PLAIN = "the plain way"


def rows(device: str = "cpu", quick: bool = False) -> Iterator[Row]:
    """One comparison after the other; quick: fewer masks and rounds."""
    clip, rounds = clip_b16(device), 1 if quick else 3
    image, masks = scene(640, 480, 6 if quick else PROPOSALS)
    with torch.inference_mode():
        yield from region_rows(clip, image, masks, rounds)
        yield map_row(clip, image, rounds)
        yield from type_rows(clip, image, masks[:6], rounds)


def region_rows(clip: ClipEncoder, image: Any, masks: Any, rounds: int) -> Iterator[Row]:
    settings = plain.SETTINGS.features
    ours, theirs = region_features(clip, image, masks, settings), plain.region_features(clip, image, masks)
    error = relative(ours, theirs)
    tokens = clip.grid[0] * clip.grid[1] + 1
    left, right = torch.randn(8 * tokens, 768, device=clip.device), torch.randn(768, 3072, device=clip.device)
    seconds = interleaved(
        {
            "ours": lambda: region_features(clip, image, masks, settings),
            "theirs": lambda: plain.region_features(clip, image, masks),
            "product": lambda: [left @ right for _ in range(20)],
        },
        rounds,
        str(clip.device),
    )
    what = f"region features, {len(masks)} masks"
    note = f"error {error:.0e}"
    times = seconds["ours"], seconds["theirs"]
    yield Row.faster(3, what, PLAIN, times, 1.6, equal=error < TOLERANCE, note=note)
    rate = 20 * 2 * left.shape[0] * left.shape[1] * right.shape[1] / seconds["product"]
    share = len(masks) * work(clip, settings.start_block) / seconds["ours"] / rate
    what = f"{what}: share of the machine's matrix-product rate"
    yield Row.share(3, what, share, 0.85, note=f"{rate / 1e9:.0f} GFLOP/s")


def work(clip: ClipEncoder, start: int) -> float:
    """Floating-point operations of one mask's G2L feature, without what nobody reads."""
    width, tokens, depth = 768, clip.grid[0] * clip.grid[1] + 1, len(clip.blocks)
    block = 24 * tokens * width**2 + 4 * tokens**2 * width
    last = 4 * tokens * width**2
    patches = 2 * tokens * width * 3 * clip.visual.conv1.kernel_size[0] ** 2
    return 2 * patches + (2 * start + 2 * (depth - 1 - start)) * block + last


def map_row(clip: ClipEncoder, image: Any, rounds: int) -> Row:
    settings = plain.SETTINGS.guidance
    ours, theirs = map_tokens(clip, image, settings.map_size, settings.map_blocks)[0], plain.map_tokens(clip, image)
    error = relative(ours, theirs)
    seconds = interleaved(
        {
            "ours": lambda: map_tokens(clip, image, settings.map_size, settings.map_blocks),
            "theirs": lambda: plain.map_tokens(clip, image),
        },
        rounds,
        str(clip.device),
    )
    times = seconds["ours"], seconds["theirs"]
    return Row.faster(4, "map tokens", PLAIN, times, 1.5, equal=error < TOLERANCE, note=f"error {error:.0e}")


def type_rows(clip: ClipEncoder, image: Any, masks: Any, rounds: int) -> Iterator[Row]:
    """Mixed precision against float32."""
    settings = plain.SETTINGS.features
    exact = region_features(clip, image, masks, settings)
    for dtype in (torch.bfloat16, torch.float16):
        mixed = in_type(clip, dtype)
        found = region_features(mixed, image, masks, settings)
        cosine = float(torch.nn.functional.cosine_similarity(found, exact).min())
        seconds = interleaved(
            {
                "ours": lambda mixed=mixed: region_features(mixed, image, masks, settings),
                "theirs": lambda: region_features(clip, image, masks, settings),
            },
            rounds,
            str(clip.device),
        )
        name = str(dtype).removeprefix("torch.")
        what = f"region features, {len(masks)} masks, {name} against float32"
        note = f"least cosine {cosine:.4f}; selections: benchmarks/feature_options.py"
        yield Row.faster(5, what, "float32", (seconds["ours"], seconds["theirs"]), 4.0, equal=cosine > 0.99, note=note)


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Largest difference over the largest wanted value."""
    return float((found - wanted).abs().max() / wanted.abs().max())
