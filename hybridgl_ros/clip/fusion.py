"""Region features from CLIP's tokens (§3.2): every row of Table 3 and every start block of Table 4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
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
        return min(self.settings.start_block, self.depth - 1)

    def before_start(self, pixels: Tensor) -> Tensor:
        """Tokens of the pictures as they enter the start block."""
        return self.clip.run(self.clip.embed(pixels), 0, self.start)

    def local_and_global(self) -> tuple[Tensor, Tensor]:
        """Tokens of the local and the blurred view as they enter the start block, one pass for both."""
        pictures = torch.cat([self.views.local(self.masks), self.views.blurred(self.masks)])
        local_tokens, global_tokens = self.before_start(pictures).chunk(2)
        return local_tokens, global_tokens

    def token_mask(self, class_token: float) -> Tensor:
        """B with a leading entry for the CLS token, N×(1+K)×1."""
        leading = torch.full_like(self.coverage[:, :1], class_token)
        return torch.cat([leading, self.coverage], dim=1)[..., None]

    def class_sees(self) -> Tensor:
        """What the CLS token may attend to, N×(1+K) bool: itself and the tokens of the mask."""
        return F.pad(self.coverage > 0, (1, 0), value=True)

    def feature(self, tokens: Tensor, class_sees: Tensor | None = None) -> Tensor:
        """The CLS token's output of the last block in the image-text space, N×d; nobody reads the other tokens'.

        tokens: as they enter the last block.
        """
        sees = None if class_sees is None else class_sees[:, None]
        last = self.clip.blocks[-1].rows(tokens, slice(1), sees)
        return self.clip.project(last[:, 0])


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


def plain(batch: Batch, pixels: Tensor) -> Tensor:
    """Pictures through the unchanged network."""
    return batch.feature(batch.clip.run(batch.clip.embed(pixels), 0, batch.depth - 1))


def local(batch: Batch) -> Tensor:
    """L: the plain local view."""
    return plain(batch, batch.views.local(batch.masks))


def global_blurred(batch: Batch) -> Tensor:
    """G(blur): the plain blurred view."""
    return plain(batch, batch.views.blurred(batch.masks))


def cropped(batch: Batch) -> Tensor:
    """The cropped local view, of G + L [41] and of plain SAM-CLIP."""
    return plain(batch, batch.views.cropped(batch.masks))


def global_attention_masked(batch: Batch) -> Tensor:
    """G(att_mask): the untouched image, CLS restricted to the mask."""
    tokens = batch.before_start(batch.views.whole()).expand(len(batch.masks), -1, -1)
    return attention_masked(batch, tokens)


def global_blurred_attention_masked(batch: Batch) -> Tensor:
    """G(blur+att_mask): the blurred view, CLS restricted to the mask."""
    return attention_masked(batch, batch.before_start(batch.views.blurred(batch.masks)))


def attention_masked(batch: Batch, tokens: Tensor) -> Tensor:
    sees = batch.class_sees()
    for block in batch.clip.blocks[batch.start : -1]:
        tokens = block(tokens, sees)
    return batch.feature(tokens, sees)


def global_token_masked(batch: Batch) -> Tensor:
    """G(tok_mask): the untouched image, tokens outside the mask zeroed at every block (Yu et al. 2023)."""
    tokens = batch.before_start(batch.views.whole()).expand(len(batch.masks), -1, -1)
    return token_masked(batch, tokens)


def token_masked(batch: Batch, tokens: Tensor) -> Tensor:
    """Zero the tokens outside the mask before every block from the start block on."""
    kept = batch.token_mask(class_token=1.0)
    for block in batch.clip.blocks[batch.start : -1]:
        tokens = block(tokens * kept)
    return batch.feature(tokens * kept)


def weighted_sum(first: Callable[[Batch], Tensor], second: Callable[[Batch], Tensor]) -> Callable[[Batch], Tensor]:
    """global_weight · first + (1 − global_weight) · second."""

    def describe(batch: Batch) -> Tensor:
        weight = batch.settings.global_weight
        return weight * first(batch) + (1 - weight) * second(batch)

    return describe


def global_to_local(batch: Batch) -> Tensor:
    """G2L, the method: masked global tokens are added to the local ones before every block (Eq. 1–2)."""
    blocks, beta = batch.clip.blocks, batch.settings.beta
    inside, sees = batch.token_mask(float(batch.settings.fuse_class_token)), batch.class_sees()
    local_tokens, global_tokens = batch.local_and_global()
    for block in blocks[batch.start : -1]:
        local_tokens = block(local_tokens + beta * global_tokens * inside)
        global_tokens = block(global_tokens, sees)
    return batch.feature(local_tokens + beta * global_tokens * inside)


def local_to_global(batch: Batch) -> Tensor:
    """L2G: local tokens take up the weighted global ones inside the global branch; no token mask."""
    blocks, beta, sees = batch.clip.blocks, batch.settings.beta, batch.class_sees()
    local_tokens, global_tokens = batch.local_and_global()
    for block in blocks[batch.start : -1]:
        global_tokens = block(local_tokens + beta * global_tokens, sees)
        local_tokens = block(local_tokens)
    return batch.feature(local_tokens + beta * global_tokens, sees)


def both_ways(batch: Batch) -> Tensor:
    """G2L + L2G: both hybrids beside the two plain branches that feed them; the features are added."""
    blocks, beta = batch.clip.blocks, batch.settings.beta
    inside, sees = batch.token_mask(float(batch.settings.fuse_class_token)), batch.class_sees()
    local_tokens, global_tokens = batch.local_and_global()
    hybrid_local, hybrid_global = local_tokens, global_tokens
    for block in blocks[batch.start : -1]:
        hybrid_local = block(hybrid_local + beta * global_tokens * inside)
        hybrid_global = block(local_tokens + beta * hybrid_global, sees)
        local_tokens, global_tokens = block(local_tokens), block(global_tokens, sees)
    return batch.feature(hybrid_local + beta * global_tokens * inside) + batch.feature(
        local_tokens + beta * hybrid_global, sees
    )


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
