"""The image-text steps the plain way: as the published code does them, on open_clip's blocks and numpy pictures."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.config import load_config
from hybridgl_ros.spatial.position import position_map
from hybridgl_ros.types import Parse

SETTINGS = load_config("photo", preset="paper")


def region_features(clip: ClipEncoder, image: np.ndarray, masks: np.ndarray) -> Tensor:
    """G2L features N×d of the preset `paper`: mask by mask, both branches through all their blocks."""
    settings, size = SETTINGS.features, clip.input_size
    kernel = (settings.blur_kernel, settings.blur_kernel)
    sharp, blurred = (
        clip.normalise(torch.from_numpy(picture).to(clip.device).permute(2, 0, 1))
        for picture in (image, cv2.GaussianBlur(image, kernel, 0))
    )
    nothing = torch.zeros(1, device=clip.device)
    features = []
    for mask in torch.from_numpy(masks).to(clip.device):
        coverage = F.adaptive_max_pool2d(mask[None, None].float(), clip.grid).flatten()
        inside = torch.cat([nothing, coverage])[:, None]
        hidden = nothing.repeat(clip.blocks[0].heads, len(inside), len(inside))
        hidden[:, 0, 1:].masked_fill_(coverage == 0, float("-inf"))
        local, wide = (clip.embed(resized(torch.where(mask, sharp, outside), size)) for outside in (nothing, blurred))
        for index, block in enumerate(clip.visual.transformer.resblocks):
            if index < settings.start_block:
                local, wide = block(local), block(wide)
            else:
                fused = local + settings.beta * wide * inside
                local, wide = block(fused), block(wide, attn_mask=hidden)
        features.append(clip.project(local[:, 0]))
    return torch.cat(features)


def resized(picture: Tensor, size: int) -> Tensor:
    return F.interpolate(picture[None], size=(size, size), mode="bilinear", antialias=True)


def map_tokens(clip: ClipEncoder, image: np.ndarray) -> Tensor:
    """Unit patch embeddings K×d of the localisation map's path, every attention weight written out."""
    size, blocks = SETTINGS.guidance.map_size, SETTINGS.guidance.map_blocks
    picture = np.array(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))
    tokens = clip.embed(clip.normalise(torch.from_numpy(picture).to(clip.device).permute(2, 0, 1)[None]))
    resblocks = clip.visual.transformer.resblocks
    path = tokens
    for block in resblocks[:-blocks]:
        tokens = path = block(tokens)
    for block in resblocks[-blocks:]:
        attention, normed = block.attn, block.ln_1(tokens)[0]
        width = normed.shape[1] // attention.num_heads
        projected = F.linear(normed, attention.in_proj_weight, attention.in_proj_bias)
        query, key, value = (part.unflatten(1, (-1, width)).transpose(0, 1) for part in projected.chunk(3, dim=-1))
        usual = torch.softmax(width**-0.5 * (query @ key.transpose(1, 2)), dim=-1) @ value
        scale = normed.norm(dim=-1).mean() * width**-0.5
        added = torch.zeros_like(value)
        for z in (query, key, value):
            z = F.normalize(z, dim=-1)
            z = F.normalize(torch.softmax(scale * (z @ z.transpose(1, 2)), dim=-1) @ z, dim=-1)
            added = added + torch.softmax(scale * (z @ z.transpose(1, 2)), dim=-1) @ value
        path = path + attention.out_proj((added / 3).transpose(0, 1).flatten(1))[None]
        tokens = tokens + attention.out_proj(usual.transpose(0, 1).flatten(1))[None]
        tokens = tokens + block.mlp(block.ln_2(tokens))
    return F.normalize(clip.project(path)[0, 1:], dim=-1)


def texts(clip: ClipEncoder, phrases: list[str]) -> list[Tensor]:
    """The text tower over each phrase's whole context, one after the other."""
    return [clip.model.encode_text(clip.tokenize([phrase]).to(clip.device))[0] for phrase in phrases]


def guidance(
    clip: ClipEncoder, image: np.ndarray, masks: np.ndarray, parse: Parse, tokens: Tensor | None = None
) -> tuple[np.ndarray, list[Tensor]]:
    """S^g of N masks for one sentence and the sentence's and target's features: the map is made anew, at full size.

    tokens: a map's, to spare the image pass.
    """
    settings = SETTINGS.guidance
    tokens = map_tokens(clip, image) if tokens is None else tokens
    sentence, target, prompt = texts(clip, [parse.sentence, parse.target, f"a photo of a {parse.target}."])
    height, width = image.shape[:2]
    side = round(len(tokens) ** 0.5)
    found = (tokens @ F.normalize(prompt, dim=-1)).view(1, 1, side, side)
    found = stretched(F.interpolate(found, size=(settings.map_size,) * 2, mode="bilinear"))
    found = stretched(F.interpolate(found, size=(height, width), mode="bilinear", antialias=True))[0, 0]
    full = found.cpu().numpy() * position_map(parse.position, height, width, settings.middle).numpy()
    weight = {"none": settings.outside_weight, "big": settings.outside_weight_big}.get(
        parse.size, settings.outside_weight_small
    )
    scores = [float((full * mask / mask.sum()).sum() - weight * (full * ~mask / (~mask).sum()).sum()) for mask in masks]
    return np.array(scores, np.float32), [sentence, target]


def stretched(values: Tensor) -> Tensor:
    return (values - values.min()) / (values.max() - values.min())
