"""Forward passes of SAM for training: crops instead of whole frames, several images and points at once."""

from __future__ import annotations

import torch
from segment_anything.modeling import Sam
from torch import nn
from torch.func import functional_call

from hybridgl_ros.models.embedded_sam import EMBEDDED_SIZES


class AuxiliaryHeads(nn.Module):
    """Heads on the encoder, thrown away after training: is this token an object, and where is its centre."""

    def __init__(self, width: int = EMBEDDED_SIZES.decoder_width) -> None:
        super().__init__()
        self.foreground = nn.Conv2d(width, 1, kernel_size=1)
        self.offset = nn.Conv2d(width, 2, kernel_size=1)

    def forward(self, embeddings: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Foreground logits B×1×t×t and offsets (x, y; in 64ths of a pixel) B×2×t×t of embeddings B×C×t×t."""
        return self.foreground(embeddings), self.offset(embeddings)


def encode_crops(sam: Sam, pixels: torch.Tensor, valid: torch.Tensor, origins: torch.Tensor) -> torch.Tensor:
    """Image embeddings B×C×t×t of crops ``pixels`` (B×3×s×s, 0..255) at ``origins`` (B×2, in tokens).

    The crops get the absolute position embeddings of where they lie, and the central part of the global
    blocks' relative ones; a full-sized crop gives exactly what ``Sam.preprocess`` and the encoder would.
    """
    encoder = sam.image_encoder
    tokens = pixels.shape[-1] // EMBEDDED_SIZES.patch
    overrides = {
        "pos_embed": torch.stack(
            [encoder.pos_embed[0, row : row + tokens, column : column + tokens] for row, column in origins.tolist()]
        )
    }
    centre = EMBEDDED_SIZES.tokens - 1
    for block in EMBEDDED_SIZES.global_blocks:
        for name in ("rel_pos_h", "rel_pos_w"):
            table = getattr(encoder.blocks[block].attn, name)
            overrides[f"blocks.{block}.attn.{name}"] = table[centre - tokens + 1 : centre + tokens]
    normalised = (pixels - sam.pixel_mean) / sam.pixel_std * valid
    return functional_call(encoder, overrides, (normalised,))


def decode_points(
    sam: Sam, embeddings: torch.Tensor, origins: torch.Tensor, points: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mask logits B×P×3×4t×4t and predicted IoU B×P×3 of P points (x, y of the whole frame) per crop.

    The same computation as ``MaskDecoder.predict_masks``, which takes one image at a time.
    """
    decoder = sam.mask_decoder
    images, count = points.shape[:2]
    tokens = embeddings.shape[-1]
    labels = torch.ones(images * count, 1, dtype=torch.int, device=points.device)
    sparse, dense = sam.prompt_encoder(points=(points.reshape(-1, 1, 2), labels), boxes=None, masks=None)
    whole = sam.prompt_encoder.get_dense_pe()[0]
    positions = torch.stack(
        [whole[:, row : row + tokens, column : column + tokens] for row, column in origins.tolist()]
    )
    outputs = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
    queries = torch.cat([outputs.expand(len(sparse), -1, -1), sparse], dim=1)
    source = embeddings.repeat_interleave(count, dim=0) + dense[..., :tokens, :tokens]
    states, source = decoder.transformer(source, positions.repeat_interleave(count, dim=0), queries)
    features = decoder.output_upscaling(source.transpose(1, 2).reshape(images * count, -1, tokens, tokens))
    heads = list(decoder.output_hypernetworks_mlps)[1:]
    kernels = torch.stack([head(states[:, 2 + index]) for index, head in enumerate(heads)], dim=1)
    logits = (kernels @ features.flatten(2)).unflatten(2, features.shape[-2:])
    quality = decoder.iou_prediction_head(states[:, 0])[:, 1:]
    return logits.unflatten(0, (images, count)), quality.unflatten(0, (images, count))
