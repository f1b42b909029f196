"""State dicts of SAM, SAM 2 and MobileSAM, as published or as Hugging Face's transformers has them, in our names.

Ours are segment_anything's; image encoders of other kinds are named by the libraries that compute them
(`models.sam2`, `models.mobile_sam`).
"""

from __future__ import annotations

import re

from torch import Tensor

from hybridgl_ros.models.layouts import rename

SAM_NAMES = (
    (r"^vision_encoder\.", "image_encoder."),
    (r"^image_encoder\.layers\.", "image_encoder.blocks."),
    (r"\.patch_embed\.projection\.", ".patch_embed.proj."),
    (r"\.neck\.conv1\.", ".neck.0."),
    (r"\.neck\.layer_norm1\.", ".neck.1."),
    (r"\.neck\.conv2\.", ".neck.2."),
    (r"\.neck\.layer_norm2\.", ".neck.3."),
    (r"\.mask_embed\.conv1\.", ".mask_downscaling.0."),
    (r"\.mask_embed\.layer_norm1\.", ".mask_downscaling.1."),
    (r"\.mask_embed\.conv2\.", ".mask_downscaling.3."),
    (r"\.mask_embed\.layer_norm2\.", ".mask_downscaling.4."),
    (r"\.mask_embed\.conv3\.", ".mask_downscaling.6."),
    (r"\.point_embed\.", ".point_embeddings."),
    (r"^prompt_encoder\.shared_embedding\.positional_embedding$", "shared_image_embedding.positional_embedding"),
    (
        r"^shared_image_embedding\.positional_embedding$",
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    (r"\.upscale_conv1\.", ".output_upscaling.0."),
    (r"\.upscale_layer_norm\.", ".output_upscaling.1."),
    (r"\.upscale_conv2\.", ".output_upscaling.3."),
    (r"\.layer_norm", ".norm"),
)
# Their small networks have names of their own for the first and the last layer.
SAM_MLP = re.compile(r"^(.*(?:iou_prediction_head|output_hypernetworks_mlps\.\d+))\.(proj_in|proj_out|layers\.\d+)\.")

# What SAM 2 has for videos only: its memory, pointers to objects, and whether an object is in sight.
SAM2_VIDEO = re.compile(
    r"^(memory_|mask_downsample\.|maskmem_tpos_enc|no_mem_pos_enc|no_memory_positional|no_obj|obj_ptr_|object_pointer_"
    r"|temporal_positional_|occlusion_spatial_)|mask_decoder\.pred_obj_score_head\."
)
# In transformers the feature that stands for "no memory", and the layers beside the decoder's enlargements.
SAM2_NAMES = (
    (r"^no_mem(ory)?_embed(ding)?$", "image_encoder.no_memory_embedding"),
    (r"^(sam_)?mask_decoder\.conv_s1\.", "image_encoder.finer.0."),
    (r"^(sam_)?mask_decoder\.conv_s0\.", "image_encoder.finer.1."),
    (r"^vision_encoder\.", "image_encoder.vision."),
)
SAM2_TRANSFORMERS = (
    (r"\.o_proj\.", ".out_proj."),
    (r"(transformer\.layers\.\d+\.mlp)\.proj_in\.", r"\1.lin1."),
    (r"(transformer\.layers\.\d+\.mlp)\.proj_out\.", r"\1.lin2."),
)
SAM2_PUBLISHED = (
    (r"^image_encoder\.trunk\.", "image_encoder.vision.backbone."),
    (r"^image_encoder\.neck\.convs\.(\d+)\.conv\.", r"image_encoder.vision.neck.convs.\1."),
    (r"\.patch_embed\.proj\.", ".patch_embed.projection."),
    (r"(backbone\.blocks\.\d+)\.norm", r"\1.layer_norm"),
    (r"(backbone\.blocks\.\d+\.mlp)\.layers\.0\.", r"\1.proj_in."),
    (r"(backbone\.blocks\.\d+\.mlp)\.layers\.1\.", r"\1.proj_out."),
    (r"^sam_(prompt_encoder|mask_decoder)\.", r"\1."),
    (r"(transformer\.layers\.\d+\.mlp)\.layers\.0\.", r"\1.lin1."),
    (r"(transformer\.layers\.\d+\.mlp)\.layers\.1\.", r"\1.lin2."),
)

# The classifier that the encoder was once trained with, and places that timm computes.
MOBILE_SAM_UNUSED = re.compile(r"^image_encoder\.(norm_head|head)\.|\.attention_bias_idxs$")
MOBILE_SAM_NAMES = (
    (r"\.patch_embed\.seq\.0\.", ".patch_embed.conv1."),
    (r"\.patch_embed\.seq\.2\.", ".patch_embed.conv2."),
    *((rf"\.layers\.{place}\.downsample\.", f".stages.{place + 1}.downsample.") for place in range(3)),
    (r"^image_encoder\.layers\.", "image_encoder.stages."),
    (r"\.c\.weight$", ".conv.weight"),
)


def native_sam(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our names for the weights of any of these models; others, and segment_anything's, are returned as they are."""
    if "sam_mask_decoder.iou_token.weight" in state:
        return published_sam2(state)
    if "vision_encoder.backbone.pos_embed" in state:
        return transformers_sam2(state)
    if "image_encoder.patch_embed.seq.0.c.weight" in state:
        return mobile_sam(state)
    if "vision_encoder.pos_embed" in state:
        return transformers_sam(state)
    return state


def transformers_sam(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Hugging Face's SamModel."""
    inner: dict[str, int] = {}
    for name in state:
        if match := SAM_MLP.match(name):
            inner[match[1]] = inner.get(match[1], 0) + (match[2].startswith("layers.") and name.endswith(".weight"))

    def mlp_layer(match: re.Match[str]) -> str:
        network, layer = match[1], match[2]
        place = {"proj_in": 0, "proj_out": inner[network] + 1}
        number = place[layer] if layer in place else int(layer.removeprefix("layers.")) + 1
        return f"{network}.layers.{number}."

    return {rename(SAM_MLP.sub(mlp_layer, name), SAM_NAMES): value for name, value in state.items()}


def published_sam2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Meta's own checkpoints."""
    rules = (*SAM2_NAMES, *SAM2_PUBLISHED)
    return {rename(name, rules): value for name, value in state.items() if not SAM2_VIDEO.search(name)}


def transformers_sam2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Hugging Face's Sam2Model and Sam2VideoModel."""
    wanted = {rename(name, SAM2_NAMES): value for name, value in state.items() if not SAM2_VIDEO.search(name)}
    renamed = {name: wanted.pop(name) for name in list(wanted) if name.startswith("image_encoder.")}
    renamed |= transformers_sam({rename(name, SAM2_TRANSFORMERS): value for name, value in wanted.items()})
    for place, row in enumerate(renamed.pop("prompt_encoder.point_embeddings.weight", ())):
        renamed[f"prompt_encoder.point_embeddings.{place}.weight"] = row[None]
    return renamed


def mobile_sam(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """MobileSAM's published checkpoint."""
    used = {name: value for name, value in state.items() if not MOBILE_SAM_UNUSED.search(name)}
    return {rename(name, MOBILE_SAM_NAMES): value for name, value in used.items()}
