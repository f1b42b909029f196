"""The architecture of the small SAM that ships with the package, made of segment_anything's own classes.

The classes are those of ViT-H (Kirillov et al., *Segment Anything*, ICCV 2023); only the sizes differ, so
``SamPredictor`` and ``SamAutomaticMaskGenerator`` run it unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from hybridgl_ros.models.parts import part_of

if TYPE_CHECKING:
    from segment_anything.modeling import Sam


@dataclass(frozen=True)
class DecoderSizes:
    """Sizes of what a SAM has beside its encoder: lengths in pixels of its square input, widths in channels.

    patch: side of what one token of the embedding sees.
    """

    image: int = 256
    patch: int = 8
    decoder_width: int = 96
    decoder_blocks: int = 2
    decoder_heads: int = 4
    decoder_mlp: int = 384
    iou_head_blocks: int = 3
    iou_head_width: int = 96
    mask_prompt_channels: int = 16
    masks_per_point: int = 3

    @property
    def tokens(self) -> int:
        """Tokens along one side of the input."""
        return self.image // self.patch


@dataclass(frozen=True)
class SamSizes(DecoderSizes):
    """Those of a SAM with a ViT, whose ``window`` is in tokens."""

    encoder_width: int = 128
    encoder_blocks: int = 6
    encoder_heads: int = 4
    encoder_mlp_ratio: float = 4.0
    global_blocks: tuple[int, ...] = (2, 5)
    window: int = 8


EMBEDDED_SIZES = SamSizes()
# Those of every published SAM.
PUBLISHED_SIZES = DecoderSizes(
    image=1024, patch=16, decoder_width=256, decoder_heads=8, decoder_mlp=2048, iou_head_width=256
)
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


def build_embedded_sam(sizes: SamSizes = EMBEDDED_SIZES) -> Sam:
    """Build the small SAM with random weights, in evaluation mode.

    It takes images of ``sizes.image`` pixels on the longest side (256) and gives mask logits of half that
    (128×128) for each point, which ``Sam.postprocess_masks`` brings back to the size of the image.
    """
    modeling = part_of("segment_anything", "modeling")
    encoder = modeling.ImageEncoderViT(
        img_size=sizes.image,
        patch_size=sizes.patch,
        embed_dim=sizes.encoder_width,
        depth=sizes.encoder_blocks,
        num_heads=sizes.encoder_heads,
        mlp_ratio=sizes.encoder_mlp_ratio,
        out_chans=sizes.decoder_width,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=sizes.window,
        global_attn_indexes=sizes.global_blocks,
    )
    return sam_around(encoder, sizes)


def sam_around(encoder: nn.Module, sizes: DecoderSizes) -> Sam:
    """An image encoder with prompt encoder and mask decoder of these sizes, random weights, in evaluation mode."""
    modeling = part_of("segment_anything", "modeling")
    sam = modeling.Sam(
        image_encoder=encoder,
        prompt_encoder=modeling.PromptEncoder(
            embed_dim=sizes.decoder_width,
            image_embedding_size=(sizes.tokens, sizes.tokens),
            input_image_size=(sizes.image, sizes.image),
            mask_in_chans=sizes.mask_prompt_channels,
        ),
        mask_decoder=modeling.MaskDecoder(
            transformer_dim=sizes.decoder_width,
            transformer=modeling.TwoWayTransformer(
                depth=sizes.decoder_blocks,
                embedding_dim=sizes.decoder_width,
                num_heads=sizes.decoder_heads,
                mlp_dim=sizes.decoder_mlp,
            ),
            num_multimask_outputs=sizes.masks_per_point,
            iou_head_depth=sizes.iou_head_blocks,
            iou_head_hidden_dim=sizes.iou_head_width,
        ),
        pixel_mean=list(PIXEL_MEAN),
        pixel_std=list(PIXEL_STD),
    )
    return sam.eval()
