"""Region features from CLIP's tokens (§3.2): every row of Table 3 and every start block of Table 4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hybridgl_ros.clip.encoder import ClipEncoder
from hybridgl_ros.clip.views import Views
from hybridgl_ros.progress import Progress, unwatched
from hybridgl_ros.settings import FeatureSettings


@dataclass(frozen=True)
class Batch:
    """A few masks of one image on their way through the network. masks: N×H×W bool; coverage: N×K."""

    clip: ClipEncoder
    views: Views
    masks: Tensor
    coverage: Tensor
    settings: FeatureSettings

    @property
    def depth(self) -> int:
        return len(self.clip.blocks)

    @property
    def start(self) -> int:
        return min(self.settings.start_block, self.depth)

    def before_start(self, pixels: Tensor) -> Tensor:
        """Tokens of the pictures as they enter the start block."""
        return self.clip.run(self.clip.embed(pixels), 0, self.start)

    def class_feature(self, tokens: Tensor) -> Tensor:
        return self.clip.project(tokens[:, 0])

    def token_mask(self, class_token: float) -> Tensor:
        """B with a leading entry for the CLS token, N×(1+K)×1."""
        leading = torch.full_like(self.coverage[:, :1], class_token)
        return torch.cat([leading, self.coverage], dim=1)[..., None]

    def attention_mask(self) -> Tensor:
        """Additive (N·heads)×L×L mask: only the CLS row is masked, it sees itself and the tokens of the mask."""
        count, tokens = self.coverage.shape
        mask = torch.zeros(count, tokens + 1, tokens + 1, device=self.coverage.device)
        mask[:, 0, 1:].masked_fill_(self.coverage <= 0, float("-inf"))
        return mask.repeat_interleave(self.clip.heads, dim=0)


def region_features(
    clip: ClipEncoder,
    image: np.ndarray,
    masks: np.ndarray,
    settings: FeatureSettings,
    progress: Progress = unwatched,
) -> Tensor:
    """Features of N masks, N×d float32, not normalised (Eq. 1–2).

    image: H×W×3 uint8 RGB; masks: N×H×W bool, none empty. progress: called with `features` before each batch.
    """
    views = Views(clip, image, settings)
    describe = MODES[settings.mode]
    features = []
    with torch.inference_mode(), clip.autocast():
        for first in range(0, len(masks), settings.batch_size):
            progress("features")
            some = torch.from_numpy(masks[first : first + settings.batch_size]).to(clip.device)
            batch = Batch(clip, views, some, views.coverage(some), settings)
            features.append(describe(batch).float())
    return torch.cat(features)


def local(batch: Batch) -> Tensor:
    """L: the plain local view."""
    return batch.class_feature(
        batch.clip.run(batch.before_start(batch.views.local(batch.masks)), batch.start, batch.depth)
    )


def global_blurred(batch: Batch) -> Tensor:
    """G(blur): the plain blurred view."""
    return batch.class_feature(
        batch.clip.run(batch.before_start(batch.views.blurred(batch.masks)), batch.start, batch.depth)
    )


def global_attention_masked(batch: Batch) -> Tensor:
    """G(att_mask): the untouched image, CLS restricted to the mask."""
    tokens = batch.before_start(batch.views.whole()).expand(len(batch.masks), -1, -1)
    return attention_masked(batch, tokens)


def global_blurred_attention_masked(batch: Batch) -> Tensor:
    """G(blur+att_mask): the blurred view, CLS restricted to the mask."""
    return attention_masked(batch, batch.before_start(batch.views.blurred(batch.masks)))


def attention_masked(batch: Batch, tokens: Tensor) -> Tensor:
    mask = batch.attention_mask()
    for index in range(batch.start, batch.depth):
        tokens = batch.clip.block(index, tokens, mask)
    return batch.class_feature(tokens)


def global_token_masked(batch: Batch) -> Tensor:
    """G(tok_mask): the untouched image, tokens outside the mask zeroed at every block (Yu et al. 2023)."""
    tokens = batch.before_start(batch.views.whole()).expand(len(batch.masks), -1, -1)
    return token_masked(batch, tokens)


def token_masked(batch: Batch, tokens: Tensor) -> Tensor:
    """Zero the tokens outside the mask before every block from the start block on."""
    kept = batch.token_mask(class_token=1.0)
    for index in range(batch.start, batch.depth):
        tokens = batch.clip.block(index, tokens * kept)
    return batch.class_feature(tokens)


def cropped(batch: Batch) -> Tensor:
    """The cropped local view, of G + L [41] and of plain SAM-CLIP."""
    return batch.class_feature(
        batch.clip.run(batch.before_start(batch.views.cropped(batch.masks)), batch.start, batch.depth)
    )


def weighted_sum(first: Callable[[Batch], Tensor], second: Callable[[Batch], Tensor]) -> Callable[[Batch], Tensor]:
    """global_weight · first + (1 − global_weight) · second."""

    def describe(batch: Batch) -> Tensor:
        weight = batch.settings.global_weight
        return weight * first(batch) + (1 - weight) * second(batch)

    return describe


def global_to_local(batch: Batch) -> Tensor:
    """G2L, the method: masked global tokens are added to the local ones before every block (Eq. 1–2)."""
    clip, beta = batch.clip, batch.settings.beta
    inside, mask = batch.token_mask(float(batch.settings.fuse_class_token)), batch.attention_mask()
    local_tokens = batch.before_start(batch.views.local(batch.masks))
    global_tokens = batch.before_start(batch.views.blurred(batch.masks))
    for index in range(batch.start, batch.depth):
        local_tokens = clip.block(index, local_tokens + beta * global_tokens * inside)
        if index + 1 < batch.depth:
            global_tokens = clip.block(index, global_tokens, mask)
    return batch.class_feature(local_tokens)


def local_to_global(batch: Batch) -> Tensor:
    """L2G: local tokens take up the weighted global ones inside the global branch; no token mask."""
    clip, beta, mask = batch.clip, batch.settings.beta, batch.attention_mask()
    local_tokens = batch.before_start(batch.views.local(batch.masks))
    global_tokens = batch.before_start(batch.views.blurred(batch.masks))
    for index in range(batch.start, batch.depth):
        global_tokens = clip.block(index, local_tokens + beta * global_tokens, mask)
        if index + 1 < batch.depth:
            local_tokens = clip.block(index, local_tokens)
    return batch.class_feature(global_tokens)


def both_ways(batch: Batch) -> Tensor:
    """G2L + L2G: both hybrids beside the two plain branches that feed them; the features are added."""
    clip, beta = batch.clip, batch.settings.beta
    inside, mask = batch.token_mask(float(batch.settings.fuse_class_token)), batch.attention_mask()
    local_tokens = hybrid_local = batch.before_start(batch.views.local(batch.masks))
    global_tokens = hybrid_global = batch.before_start(batch.views.blurred(batch.masks))
    for index in range(batch.start, batch.depth):
        hybrid_local = clip.block(index, hybrid_local + beta * global_tokens * inside)
        hybrid_global = clip.block(index, local_tokens + beta * hybrid_global, mask)
        if index + 1 < batch.depth:
            local_tokens = clip.block(index, local_tokens)
            global_tokens = clip.block(index, global_tokens, mask)
    return batch.class_feature(hybrid_local) + batch.class_feature(hybrid_global)


MODES: dict[str, Callable[[Batch], Tensor]] = {
    "L": local,
    "G(blur)": global_blurred,
    "G(tok_mask)": global_token_masked,
    "G(att_mask)": global_attention_masked,
    "G(blur+att_mask)": global_blurred_attention_masked,
    "G+L[41]": weighted_sum(global_token_masked, cropped),
    "G+L": weighted_sum(global_blurred_attention_masked, local),
    "L2G": local_to_global,
    "G2L": global_to_local,
    "G2L+L2G": both_ways,
    "cropped": cropped,
}
