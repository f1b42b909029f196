"""MobileSAM (Zhang et al., *Faster Segment Anything*, 2023): SAM with TinyViT for its image encoder.

TinyViT (Wu et al., ECCV 2022) is timm's. Its last stage does not halve the picture again, so that the embedding has the
size of SAM's; all the rest is SAM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from hybridgl_ros.models.embedded_sam import PUBLISHED_SIZES, DecoderSizes, sam_around
from hybridgl_ros.models.extras import library_of
from hybridgl_ros.models.parts import part_of

if TYPE_CHECKING:
    from segment_anything.modeling import Sam


@dataclass(frozen=True)
class TinyVitSizes:
    """Channels, blocks, heads and windows (in tokens) of TinyViT's four stages; the first has no attention."""

    widths: tuple[int, int, int, int] = (64, 128, 160, 320)
    blocks: tuple[int, int, int, int] = (2, 2, 6, 2)
    heads: tuple[int, int, int, int] = (2, 4, 5, 10)
    windows: tuple[int, int, int, int] = (7, 7, 14, 7)


class TinyVitEncoder(nn.Module):
    """timm's TinyViT without its classifier, and SAM's neck. Raises ConfigError when timm is not installed."""

    def __init__(self, vit: TinyVitSizes, sizes: DecoderSizes) -> None:
        super().__init__()
        timm = library_of("mobile_sam", ".models.tiny_vit")
        self.img_size = sizes.image
        # timm computes indices while it builds; they have values nowhere else.
        with torch.device("cpu"):
            trunk = timm.TinyVit(
                embed_dims=vit.widths,
                depths=vit.blocks,
                num_heads=vit.heads,
                window_sizes=vit.windows,
                num_classes=0,
                drop_path_rate=0.0,
            )
        self.patch_embed, self.stages = trunk.patch_embed, trunk.stages
        self.stages[-1].downsample.conv2.conv.stride = (1, 1)
        norm = part_of("segment_anything", "modeling.common").LayerNorm2d
        width = sizes.decoder_width
        self.neck = nn.Sequential(
            nn.Conv2d(vit.widths[-1], width, 1, bias=False),
            norm(width),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            norm(width),
        )

    def features(self, pixels: Tensor) -> tuple[Tensor]:
        """1×C×h×w of 1×3×S×S normalised pixels."""
        return (self(pixels),)

    def forward(self, pixels: Tensor) -> Tensor:
        """The one of them."""
        found = self.stages(self.patch_embed(pixels))
        for layer in self.neck:
            # The neck's norms square what float16 cannot hold.
            found = layer(found.float())
        return found


def build_mobile_sam(vit: TinyVitSizes = TinyVitSizes(), sizes: DecoderSizes = PUBLISHED_SIZES) -> Sam:
    """A MobileSAM with random weights, in evaluation mode; errors as of `TinyVitEncoder`."""
    return sam_around(TinyVitEncoder(vit, sizes), sizes)
