"""SAM 2.1 for single pictures (Ravi et al., *SAM 2: Segment Anything in Images and Videos*, 2024).

The image encoder, Hiera with a feature pyramid, is transformers'; prompts and mask decoder are segment_anything's with
what SAM 2 adds to them: one more token, finer features beside the enlargements, ratings through a sigmoid. What serves
videos only, memory and the score of an object's presence, is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from hybridgl_ros.models.embedded_sam import PUBLISHED_SIZES, DecoderSizes, sam_around
from hybridgl_ros.models.extras import library_of

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

STAGES = range(4)
# Side of a patch in pixels.
PATCH = 4


@dataclass(frozen=True)
class HieraSizes:
    """Sizes of Hiera. width, heads: of the first of four stages, doubled in each further one; blocks: of each stage;
    global_blocks: those that attend everywhere; windows: of each stage, in tokens; positions: side of the table of
    positions that is stretched over the input."""

    width: int
    heads: int
    blocks: tuple[int, int, int, int]
    global_blocks: tuple[int, ...]
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    positions: int = 7

    @property
    def widths(self) -> list[int]:
        """Channels of each stage."""
        return [self.width * 2**stage for stage in STAGES]


HIERA_SIZES = {
    "hiera_tiny": HieraSizes(96, 1, (1, 2, 7, 2), (5, 7, 9)),
    "hiera_small": HieraSizes(96, 1, (1, 2, 11, 2), (7, 10, 13)),
    "hiera_base_plus": HieraSizes(112, 2, (2, 3, 16, 3), (12, 16, 20), positions=14),
    "hiera_large": HieraSizes(144, 2, (2, 6, 36, 4), (23, 33, 43), windows=(8, 4, 16, 8)),
}


class NoPositions(nn.Module):
    """Stands for the pyramid's positions, which only the memory of a video reads."""

    def forward(self, shape: Any, device: Any, dtype: torch.dtype) -> Tensor:
        return torch.empty(0, device=device, dtype=dtype)


class HieraEncoder(nn.Module):
    """transformers' Sam2VisionModel, and what SAM 2 does with its features before any prompt comes.

    Raises ConfigError when transformers is not installed.
    """

    squashes = True
    """Whether pictures fill the square input, without keeping their aspect."""

    def __init__(self, hiera: HieraSizes, sizes: DecoderSizes) -> None:
        super().__init__()
        transformers = library_of("hiera")
        self.img_size = sizes.image
        backbone = transformers.Sam2HieraDetConfig(
            hidden_size=hiera.width,
            num_attention_heads=hiera.heads,
            image_size=[sizes.image, sizes.image],
            window_positional_embedding_background_size=[hiera.positions, hiera.positions],
            blocks_per_stage=list(hiera.blocks),
            embed_dim_per_stage=hiera.widths,
            num_attention_heads_per_stage=[hiera.heads * 2**stage for stage in STAGES],
            window_size_per_stage=list(hiera.windows),
            global_attention_blocks=list(hiera.global_blocks),
        )
        config = transformers.Sam2VisionConfig(
            backbone_config=backbone,
            backbone_channel_list=hiera.widths[::-1],
            backbone_feature_sizes=[[sizes.image // PATCH // 2**level] * 2 for level in range(3)],
            fpn_hidden_size=sizes.decoder_width,
        )
        self.vision = transformers.Sam2VisionModel(config)
        self.vision.neck.position_encoding = NoPositions()
        self.no_memory_embedding = nn.Parameter(torch.zeros(1, 1, sizes.decoder_width))
        self.finer = nn.ModuleList(nn.Conv2d(sizes.decoder_width, sizes.decoder_width // part, 1) for part in (4, 8))

    def features(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """1×C×h×w, 1×C/4×2h×2w and 1×C/8×4h×4w of 1×3×S×S normalised pixels."""
        finest, fine, whole = self.vision(pixels).fpn_hidden_states
        return whole + self.no_memory_embedding.view(1, -1, 1, 1), self.finer[0](fine), self.finer[1](finest)


def build_sam2(hiera: HieraSizes, sizes: DecoderSizes = PUBLISHED_SIZES) -> Sam:
    """A SAM 2.1 with random weights, in evaluation mode; errors as of `HieraEncoder`."""
    sam = sam_around(HieraEncoder(hiera, sizes), sizes)
    sam.mask_decoder.obj_score_token = nn.Embedding(1, sizes.decoder_width)
    sam.mask_decoder.iou_prediction_head.sigmoid_output = True
    return sam
