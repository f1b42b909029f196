"""CLIP's image tower the plain way: open_clip's own blocks, every token, one picture at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.views import Views


def block(clip: ClipEncoder, index: int, tokens: Tensor, visible: Tensor | None = None) -> Tensor:
    """One block of 1×L×width tokens; visible: L bool, what the CLS row may attend to."""
    own = clip.visual.transformer.resblocks[index]
    mask = None
    if visible is not None:
        mask = torch.zeros(own.attn.num_heads, len(visible), len(visible))
        mask[:, 0, ~visible] = float("-inf")
    return own(tokens, attn_mask=mask)


def plain_features(clip: ClipEncoder, image, masks, settings) -> Tensor:
    """As `region_features`, mask by mask through all blocks of all branches."""
    views, depth = Views(clip, image, settings), len(clip.blocks)

    def tokens(pixels: Tensor, stop: int) -> Tensor:
        found = clip.embed(pixels)
        for index in range(stop):
            found = block(clip, index, found)
        return found

    def class_feature(found: Tensor) -> Tensor:
        return clip.project(found[:, 0])

    def describe(mode: str, mask: Tensor) -> Tensor:
        start, beta = settings.start_block, settings.beta
        coverage = views.coverage(mask)[0]
        sees = torch.cat([torch.ones(1, dtype=torch.bool), coverage > 0])
        inside = torch.cat([torch.tensor([float(settings.fuse_class_token)]), coverage])[:, None]
        kept = torch.cat([torch.ones(1), coverage])[:, None]
        if mode in ("L", "G(blur)", "cropped"):
            make = {"L": views.local, "G(blur)": views.blurred, "cropped": views.cropped}[mode]
            return class_feature(tokens(make(mask), depth))
        if mode in ("G(att_mask)", "G(blur+att_mask)"):
            found = tokens(views.whole() if mode == "G(att_mask)" else views.blurred(mask), start)
            for index in range(start, depth):
                found = block(clip, index, found, sees)
            return class_feature(found)
        if mode == "G(tok_mask)":
            found = tokens(views.whole(), start)
            for index in range(start, depth):
                found = block(clip, index, found * kept)
            return class_feature(found)
        if mode in ("G+L[41]", "G+L"):
            first, second = {"G+L[41]": ("G(tok_mask)", "cropped"), "G+L": ("G(blur+att_mask)", "L")}[mode]
            weight = settings.global_weight
            return weight * describe(first, mask) + (1 - weight) * describe(second, mask)
        to_local = local = tokens(views.local(mask), start)
        to_global = wide = tokens(views.blurred(mask), start)
        for index in range(start, depth):
            fed = wide if mode == "G2L+L2G" else to_global
            to_local = block(clip, index, to_local + beta * fed * inside)
            hybrid = block(clip, index, local + beta * to_global, sees)
            local, wide = block(clip, index, local), block(clip, index, wide, sees)
            to_global = wide if mode == "G2L" else hybrid
        return {
            "G2L": lambda: class_feature(to_local),
            "L2G": lambda: class_feature(to_global),
            "G2L+L2G": lambda: class_feature(to_local) + class_feature(to_global),
        }[mode]()

    with torch.inference_mode():
        return torch.cat([describe(settings.mode, torch.from_numpy(mask[None])) for mask in masks])


def plain_map_tokens(clip: ClipEncoder, pixels: Tensor, blocks: int) -> Tensor:
    """Unit patch embeddings K×d of GEM's map path for 1×3×S×S pixels, all attention weights written out."""
    with torch.inference_mode():
        tokens = clip.embed(pixels)
        depth = len(clip.blocks)
        path = tokens
        for index in range(depth):
            own = clip.visual.transformer.resblocks[index]
            if index >= depth - blocks:
                attention, normed = own.attn, own.ln_1(tokens)[0]
                heads = attention.num_heads
                scale = normed.norm(dim=-1).mean() * (normed.shape[1] // heads) ** -0.5
                qkv = F.linear(normed, attention.in_proj_weight, attention.in_proj_bias)
                parts = [part.unflatten(1, (heads, -1)).transpose(0, 1) for part in qkv.chunk(3, dim=-1)]
                outputs = []
                for z in parts:
                    z = F.normalize(z, dim=-1)
                    z = F.normalize(torch.softmax(scale * z @ z.transpose(1, 2), dim=-1) @ z, dim=-1)
                    outputs.append(torch.softmax(scale * z @ z.transpose(1, 2), dim=-1) @ parts[2])
                merged = (sum(outputs) / 3).transpose(0, 1).flatten(1)
                path = path + attention.out_proj(merged)[None]
            tokens = block(clip, index, tokens)
            if index < depth - blocks:
                path = tokens
        return F.normalize(clip.project(path)[0, 1:], dim=-1)
